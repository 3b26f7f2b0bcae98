"""What maps of sources and of targets have in common: fields of commands, readers of documents, words of proofs."""
