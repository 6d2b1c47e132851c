"""Training batches from records: decoding, augmentation and sampling."""
