"""The one exception that means «the user's input is wrong»."""


class UserError(Exception):
  """A mistake in the input, told in one line that names file and field.

  The command line prints the message and exits with code 2; any other
  exception is a bug and keeps its traceback.
  """
