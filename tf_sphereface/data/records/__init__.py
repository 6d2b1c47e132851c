"""TFRecord shards of aligned faces: writing, checking and indexing."""
