/// What each generated module of Python has at its head.
enum PythonRuntime {
    static let text = #"""

        from __future__ import annotations

        import enum
        import re
        from dataclasses import dataclass
        from datetime import datetime, timedelta, timezone
        from typing import Any, Callable, ClassVar, List, Mapping, Optional, Tuple, Type, TypeVar

        #: Makes a variant of a D-Bus signature and a value: dbus_fast.Variant, dbus_next.Variant, or a pair, as jeepney and sdbus take it.
        VariantOf = Callable[[str, Any], Any]
        _R = TypeVar("_R", bound="Record")


        def pair(signature: str, value: Any) -> Tuple[str, Any]:
            """A variant as jeepney and sdbus take it."""
            return signature, value


        def plain(value: Any) -> Any:
            """The value in a variant: of a pair, of an object with a signature and a value, or the value itself."""
            while True:
                if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
                    value = value[1]
                elif hasattr(value, "signature") and hasattr(value, "value"):
                    value = value.value
                else:
                    return value


        def to_cim_datetime(time: datetime) -> str:
            """A timestamp in CIM's 25 characters. A time without a zone counts as UTC."""
            offset = int((time.utcoffset() or timedelta()).total_seconds()) // 60
            return f"{time:%Y%m%d%H%M%S}.{time.microsecond:06}{'-' if offset < 0 else '+'}{abs(offset):03}".rjust(25, "0")


        def from_cim_datetime(text: str) -> Optional[datetime]:
            """The instant that CIM's 25 characters say; None for an interval, for wildcards, and where no date is set."""
            match = re.fullmatch(r"(\d{14})\.(\d{6})([+-])(\d{3})", text)
            if match is None or match[1] == "0" * 14:
                return None
            offset = timedelta(minutes=int(match[3] + match[4]))
            parts = [int(match[1][a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))]
            try:
                return datetime(*parts, int(match[2]), tzinfo=timezone(offset))  # type: ignore[misc, arg-type]
            except ValueError:
                return None


        def key_text(value: Any) -> str:
            """A key as an object path has it."""
            if isinstance(value, bool):
                return "TRUE" if value else "FALSE"
            if isinstance(value, int):
                return str(int(value))
            text = value.value if isinstance(value, enum.Enum) else value
            return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


        _KEY = re.compile(r'(?:(\w+)=)?(?:"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'|([^,"\']*))(?:,|$)', re.DOTALL)


        def parse_path(path: str) -> Tuple[str, Optional[Mapping[str, Tuple[str, bool]]]]:
            """The class in an object path, and its keys by names in lower case: each as text, and whether it was quoted. {} for a singleton,
            None for a class. A path with one key may leave its name out: then the name is empty. Raises ValueError."""
            head = re.match(r"(?:(?:[\\/]{2}[^\\/]+[\\/])?[^.\"'=]*:)?(\w+)", path)
            if head is None:
                raise ValueError(f"{path!r} is no object path")
            rest = path[head.end():]
            if rest == "" or rest == "=@":
                return head[1], {} if rest else None
            keys = {}
            position = 0
            rest = rest if rest[0] == "=" else rest[1:] if rest[0] == "." else ""
            rest = rest[1:] if rest[:1] == "=" else rest
            while position < len(rest):
                match = _KEY.match(rest, position)
                if match is None or match.end() == position:
                    raise ValueError(f"{path!r} is no object path")
                quoted = match[2] if match[2] is not None else match[3]
                text = match[4] if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
                keys[(match[1] or "").lower()] = text, quoted is not None
                position = match.end()
            if not keys:
                raise ValueError(f"{path!r} is no object path")
            return head[1], keys


        def _kind(base: Any, value: Any) -> Any:
            """A member of an enumeration for a value that the class does not name, too."""
            member = base.__new__(value[0], value[1]) if base is int else str.__new__(value[0], value[1])
            member._name_, member._value_ = str(value[1]), value[1]
            return member


        class Record:
            """An object on the bus: an instance of a class, or the parameters of a method."""

            CLASS: ClassVar[str] = ""
            #: The D-Bus type of each property, by its name in the class.
            SIGNATURES: ClassVar[Mapping[str, str]] = {}
            #: The field for each property, by its name in the class.
            FIELDS: ClassVar[Mapping[str, str]] = {}
            KEYS: ClassVar[Tuple[str, ...]] = ()
            #: Whether the class has one instance alone.
            IS_SINGLETON: ClassVar[bool] = False
            _READERS: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

            @classmethod
            def from_properties(cls: Type[_R], properties: Mapping[Any, Any]) -> _R:
                """Of an a{sv}, in any case of its names. What is absent is None; a key that is absent raises ValueError."""
                found = {str(name).lower(): plain(value) for name, value in properties.items()}
                values = {}
                for name, field in cls.FIELDS.items():
                    value = found.get(name.lower())
                    if value is not None:
                        values[field] = cls._READERS[name](value)
                    elif name in cls.KEYS:
                        raise ValueError(f"{name} of {cls.CLASS} is NULL, and it is a key")
                return cls(**values)

            def to_properties(self, variant: VariantOf = pair) -> dict[str, Any]:
                """An a{sv}; what is None is absent. "variant" makes its values."""
                properties = {"__CLASS": variant("s", self.CLASS)}
                for name, field in self.FIELDS.items():
                    value = getattr(self, field)
                    if value is not None:
                        properties[name] = variant(self.SIGNATURES[name], _sent(value, variant))
                return properties

            @classmethod
            def keys_of(cls, path: str) -> Mapping[str, Any]:
                """The keys in the path of an instance, by field. Raises ValueError for any other path."""
                name, keys = parse_path(path)
                if keys is None or name.lower() != cls.CLASS.lower():
                    raise ValueError(f"{path!r} is no path of an instance of {cls.CLASS}")
                if len(cls.KEYS) == 1 and list(keys) == [""]:
                    keys = {cls.KEYS[0].lower(): keys[""]}
                if set(keys) != {key.lower() for key in cls.KEYS}:
                    raise ValueError(f"{path!r} does not have the keys of {cls.CLASS}: {', '.join(cls.KEYS)}")
                return {cls.FIELDS[key]: cls._READERS[key](_key(path, cls.SIGNATURES[key], *keys[key.lower()])) for key in cls.KEYS}

            def path(self) -> str:
                """Its path, without a namespace. Raises ValueError for a class without keys."""
                if self.IS_SINGLETON:
                    return f"{self.CLASS}=@"
                if not self.KEYS:
                    raise ValueError(f"{self.CLASS} has no keys")
                return f"{self.CLASS}." + ",".join(f"{key}={key_text(getattr(self, self.FIELDS[key]))}" for key in self.KEYS)


        def _key(path: str, signature: str, text: str, is_quoted: bool) -> Any:
            """The value of a key that a path says as text."""
            if signature == "s" and is_quoted:
                return text
            if signature == "b" and text.lower() in ("true", "false"):
                return text.lower() == "true"
            if signature not in ("s", "b"):
                return int(text, 0)
            raise ValueError(f"{path!r}: {text!r} is no key of the D-Bus type {signature}")


        def _sent(value: Any, variant: VariantOf) -> Any:
            if isinstance(value, Record):
                return value.to_properties(variant)
            if isinstance(value, (list, tuple)):
                return [_sent(element, variant) for element in value]
            if isinstance(value, enum.Enum):
                return value.value
            return value

        """#
}
