"""The golden metrics: what each counts, its threshold and what follows, and how a figure is judged (R3, R27 to R32)."""
