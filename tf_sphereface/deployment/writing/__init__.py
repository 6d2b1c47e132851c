"""The files of a bundle: contract, golden results, model card."""
