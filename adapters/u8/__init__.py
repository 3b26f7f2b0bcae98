"""Yonyou U8 用友, by its two interfaces: OpenAPI (JSON, in the cloud) and EAI (XML, on its own server)."""
