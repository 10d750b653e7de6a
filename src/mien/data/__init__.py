"""Labelled faces: data sets in any form, read once, with what must be known of them."""

from mien.data.crops import Crops
from mien.data.dataset import Dataset, open_dataset
from mien.data.labelled_faces import LabelledFaces
from mien.data.split import Split

__all__ = ["Crops", "Dataset", "LabelledFaces", "Split", "open_dataset"]
