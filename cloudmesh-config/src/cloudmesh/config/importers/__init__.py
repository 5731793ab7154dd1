"""Reading the clouds that users have in the files of other programs. Nothing of these files is ever run."""
