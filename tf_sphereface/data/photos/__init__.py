"""Photos: decoding, folders of people, lists of names to leave out."""
