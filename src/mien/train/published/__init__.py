"""Networks from the literature, with weights that others have trained on ImageNet."""
