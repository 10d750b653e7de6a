import inspect

import pytest

from mien import errors
from mien.errors import (
    ArgumentError,
    MienError,
    MissingExtra,
    ModelError,
    PictureError,
    PictureTooLarge,
    UnknownModel,
    UnsupportedPicture,
    choose_from,
)

CLASSES = [member for _, member in inspect.getmembers(errors, inspect.isclass) if member.__module__ == errors.__name__]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_is_one_of_ours_and_explained(error: type) -> None:
    assert issubclass(error, MienError)
    assert error.__doc__
    assert error.__name__ in (errors.__doc__ or "")


def test_an_unknown_model_is_a_fault_of_the_model() -> None:
    assert issubclass(UnknownModel, ModelError)


@pytest.mark.parametrize("error", [PictureTooLarge, UnsupportedPicture])
def test_what_a_server_tells_apart_is_a_fault_of_the_picture_all_the_same(error: type) -> None:
    assert issubclass(error, PictureError)


def test_a_wrong_argument_is_a_value_error_too() -> None:
    assert issubclass(ArgumentError, ValueError)


def test_the_tree_that_is_drawn_is_the_tree_there_is() -> None:
    parents = {MienError: Exception}
    stack = [MienError]
    for line in (errors.__doc__ or "").splitlines():
        if "── " in line:
            depth, name = line.index("── ") // 4, line.split("── ")[1].split()[0]
            parents[getattr(errors, name)] = stack[depth - 1]
            stack[depth:] = [getattr(errors, name)]
    assert set(parents) == set(CLASSES)
    assert all(issubclass(error, parent) for error, parent in parents.items())


def test_a_name_that_is_no_text_gets_no_guess() -> None:
    assert choose_from("fruit", None, ("pear", "apple")) == "no fruit None; choose from pear, apple"


def test_a_missing_package_of_no_extra_is_named() -> None:
    error = MissingExtra.for_package("a table", ImportError("No module named 'pandas'", name="pandas"))
    assert str(error) == "a table needs the package 'pandas'; install it with: pip install pandas"


def test_an_unknown_name_names_the_nearest_and_all() -> None:
    assert choose_from("fruit", "appel", ("pear", "apple")) == (
        "no fruit 'appel' (did you mean 'apple'?); choose from pear, apple"
    )


def test_a_name_like_none_gets_no_guess() -> None:
    assert choose_from("fruit", "xyz", ("pear", "apple")) == "no fruit 'xyz'; choose from pear, apple"


def test_a_missing_extra_names_feature_package_and_what_to_install() -> None:
    error = MissingExtra.for_feature("training", "train", ImportError("No module named 'torch'", name="torch"))
    assert isinstance(error, MissingExtra)
    assert str(error) == "training needs the package 'torch'; install it with: pip install 'mien[train]'"


def test_a_missing_extra_whose_package_is_not_named_tells_what_is_known() -> None:
    assert "needs the package 'libGL is missing'" in str(
        MissingExtra.for_feature("x", "yunet", ImportError("libGL is missing"))
    )
