"""Photo library on a disk or in object storage: up to millions of photos, searched in place."""
