"""Facts about Kaggle as data, each with its source and the date it was read."""
