"""ConfigDict -> frozen dataclasses -> objects; nothing else reads a config.

Every function takes the group of fields that it is about. An unknown field or
a value that does not fit raises UserError with the field's name.
"""
