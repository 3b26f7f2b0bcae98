"""The pages that customers open by a link: what they show, their style, and the answers that they take."""
