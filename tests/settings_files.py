"""Small settings of a training, a study and a search that take a second or two on drawn faces."""

TRAINING = """
epochs = 3
batch_size = 16
precision = "32-true"
network = { stem_width = 4, widths = [8], depths = [1] }
optimizer.averaging_decay = 0.8
"""
STUDY = f"""
title = "Toy"
question = "Does a network of one epoch know less?"
seeds = [1]
[training]
{TRAINING}
[[arms]]
name = "three"
[[arms]]
name = "one"
training.epochs = 1
"""
SEARCH = f"""
images = 24
[base]
{TRAINING.replace("epochs = 3", "epochs = 1")}
[space]
"optimizer.peak_learning_rate" = {{ low = 0.001, high = 0.1, log = true }}
[sampler]
random_trials = 100
[pruner]
method = "none"
"""
