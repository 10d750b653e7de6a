"""What a model was trained on, in words: for its card and for the licence note in its file."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from mien.data.faces import FER2013
from mien.train.published.weights import ORIGINS

_FER2013_LICENCE = (
    "Weights: Apache-2.0. Trained on FER2013 (Goodfellow et al., 2013), whose images' licence is not clearly stated"
)
_FERPLUS_LICENCE = ", with FER+ votes (Barsoum et al., 2016; MIT)"
_NO_VOTES = (
    "There were no votes of several people: the labels stood in for them. So all answers, `core4` and `ferplus8` too, "
    "follow the labels, and P2 and P4 cannot be measured."
)
_FER2013_ORIGIN = (
    "FER2013 was gathered by web search; who is shown, from where and whether they agreed is not known. Ages, skin "
    "tones and occasions are not balanced, and posed and drawn faces are among them."
)
_FER2013_LIMITS = """\
- One in several faces is a matter of opinion: FER2013's own label and ten people's majority differ on about a fifth of
  the faces with one of the four core labels. No single answer can be right by both.
- Sad and neutral are confused most; fear, disgust and contempt are rare in the data and read poorly."""


def licence_note(data: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Licence of the weights, and what is known of the data's.

    Args:
        data: A run's facts about its data; see `mien.data.manifest.Manifest`.
        config: The run's configuration.
    """
    begun = _begun_with(config.get("network", {}))
    if _is_fer2013(data):
        return f"{_FER2013_LICENCE}{_FERPLUS_LICENCE if _has_votes(data) else ''}.{begun}"
    licence = config.get("data", {}).get("licence") or "not stated"
    return (
        f"Weights: as whoever trained them says. Trained on {_name(data)}; licence of its pictures: {licence}.{begun}"
    )


def about_data(data: Mapping[str, Any]) -> str:
    """What was trained on and what was left out, as paragraphs of Markdown."""
    left_out = data["left_out"]["total"] - data["left_out"]["kept"]
    # Earlier versions had the same two rules, and did not state them.
    flat = f" (standard deviation of grey levels below {data['flat_below']:g})" if "flat_below" in data else ""
    no_face = f" ({data['not_a_face']})" if "not_a_face" in data else ""
    if _is_fer2013(data):
        votes = " and the FER+ votes" if _has_votes(data) else ""
        trained = f"{data['training']:,} faces of FER2013's Training split with FER2013's labels{votes}."
    else:
        trained = f"{data['training']:,} faces of {_name(data)} with its labels: {_counts(data)}."
    paragraphs = [
        f"{trained} Left out were {left_out:,} faces that repeat a held-out one "
        f"(correlation from {data['near_duplicate_correlation']} on), are flat{flat}, or are no face to "
        f"voters{no_face}."
    ]
    if not _has_votes(data):
        paragraphs.append(_NO_VOTES)
    if _is_fer2013(data):
        paragraphs.append(_FER2013_ORIGIN)
    return "\n\n".join(paragraphs)


def about_models(training: Mapping[str, Any]) -> str:
    """Which models' answers were mixed into the targets, and whose weights came first; nothing where there were none.

    Args:
        training: What a package says of its run; see `mien.train.package.places.stated`.
    """
    config, sums = training["config"], training.get("learnt_from", {})
    distillation, family = config.get("distillation", {}), config.get("network", {}).get("family", "")
    sentences = []
    if teachers := distillation.get("teachers"):
        answers = "answers" if len(teachers) == 1 else "mean answers"
        sentences.append(
            f"Mixed into its targets, with a weight of {distillation['weight']:g}, were the {answers} of "
            f"{', '.join(_known_by(name, sums) for name in teachers)}."
        )
    if start := config.get("start_from"):
        sentences.append(f"Its first weights were those of the run {_known_by(start, sums)}.")
    elif family in ORIGINS and family in sums:
        sentences.append(f"Its first weights were those of {_known_by(family, sums)}, trained on ImageNet-1k.")
    return " ".join(sentences)


def about_labels(data: Mapping[str, Any]) -> str:
    """How far the labels, and so the answers, are to be trusted: items of a Markdown list."""
    if _is_fer2013(data) and _has_votes(data):
        return _FER2013_LIMITS
    items = [f"- How far people agree with the labels of {_name(data)} has not been measured."]
    unseen = [label for label, count in data["training_by_label"].items() if not count]
    if unseen:
        items.append(f"- It was shown no face for {', '.join(unseen)}: what it says of these means nothing.")
    return "\n".join(items)


def _known_by(name: str, sums: Mapping[str, str]) -> str:
    """The last part of a path, and the beginning of the checksum."""
    checksum = f" (SHA-256 {sums[name][:12]}…)" if name in sums else ""
    return f"`{PurePath(name).name}`{checksum}"


def _begun_with(network: Mapping[str, Any]) -> str:
    """Whose weights a published network started from; nothing where there were none."""
    origin = ORIGINS.get(network.get("family", ""))
    if origin is None or network["published"]["weights"] == "random":
        return ""
    return (
        f" It started from the weights of {origin.name} ({origin.licence}), trained on ImageNet-1k, whose pictures are "
        "for non-commercial research."
    )


def _is_fer2013(data: Mapping[str, Any]) -> bool:
    return _name(data) == FER2013


def _name(data: Mapping[str, Any]) -> str:
    # Models of the first version do not say it, and were trained on nothing else.
    name: str = data.get("source", FER2013)
    return name or "a data set without a name"


def _has_votes(data: Mapping[str, Any]) -> bool:
    votes: int = data.get("with_votes", data["training"])
    return votes > 0


def _counts(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{label} {count:,}" for label, count in data["training_by_label"].items() if count)
