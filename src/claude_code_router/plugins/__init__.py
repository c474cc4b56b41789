"""The owner's own code: custom routers in JavaScript and Python, and installed Python plug-ins."""
