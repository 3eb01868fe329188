// JSON is written and read in one way by all programs.
@_exported import CIMJSON
