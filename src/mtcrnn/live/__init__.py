"""The live instrument: a server on this machine, a page in the browser, and other ways to play."""
