"""The log on Kafka read directly, and the two stores against each other: verify, republish, restore."""
