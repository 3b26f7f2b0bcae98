"""The directory of people who take tickets: applied, shown, left, erased."""
