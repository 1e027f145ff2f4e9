"""A folder that `evaluate.load` takes; the module has the folder's name."""
