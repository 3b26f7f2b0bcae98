"""Dead letters: deliveries given up and input without effect; retry, edit, redrive and discard."""
