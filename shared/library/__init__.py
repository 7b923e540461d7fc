"""Photo library on a disk or in object storage: up to millions of photos, searched in place."""

#: Environment variable with the folder or address of the library that the command line and the pages use.
VARIABLE = "IMAGE_SPACES_LIBRARY"
