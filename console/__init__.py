"""The console: pages for people, rendered on the server from the gateway's own HTTP answers.

A page asks the gateway as any client would, with the token of whoever is signed in. So roles, scopes, masks, limits
and the record of who decided what are the gateway's alone, and pages, HTTP and commands cannot differ.
"""
