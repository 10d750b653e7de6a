"""What is in a labelled data set, and what is wrong with it: the audit behind `mien data audit`.

The modules compute frozen dataclasses with `to_dict`; `page` makes one HTML page of them.
"""
