"""The runner: the part of the harness that runs inside the sandbox, beside the notebook.

It is mounted into images that the project does not make, so it keeps to Python 3.10, the standard
library and what runs notebooks there anyway (nbformat, nbclient, jupyter_client's session,
nbconvert). It says what it saw, one event a line; what that means for the notebook is judged on
the host.
"""
