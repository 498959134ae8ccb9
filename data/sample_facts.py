"""Facts from CLDR (through Babel) and Faker: names of people, cities and countries of one language."""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import babel

from sample_patterns import Language
from xtremedistil_tf.errors import DataError

_NOT_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
# CLDR names an "exemplar city" for every time zone, but these areas and zones are islands, countries and
# stations, or have the name of a person.
_NOT_CITY_AREAS = ("Antarctica/", "Arctic/", "Atlantic/", "Etc/", "Indian/", "Pacific/")
_CITIES_ALL_THE_SAME = {"Atlantic/Reykjavik", "Atlantic/Stanley", "Indian/Antananarivo", "Pacific/Apia",
                        "Pacific/Auckland", "Pacific/Honolulu", "Pacific/Noumea", "Pacific/Pago_Pago",
                        "Pacific/Port_Moresby"}
_NOT_CITIES = {
    "America/Anguilla", "America/Antigua", "America/Aruba", "America/Bahia", "America/Bahia_Banderas",
    "America/Barbados", "America/Belize", "America/Cayman", "America/Costa_Rica", "America/Curacao",
    "America/Dominica", "America/El_Salvador", "America/Grenada", "America/Guadeloupe", "America/Guatemala",
    "America/Guyana", "America/Jamaica", "America/Jujuy", "America/Lower_Princes", "America/Martinique",
    "America/Montserrat", "America/Noronha", "America/Puerto_Rico", "America/St_Barthelemy",
    "America/St_Kitts", "America/St_Lucia", "America/St_Thomas", "America/St_Vincent", "America/Tortola",
    "America/North_Dakota/Center", "Asia/Bahrain", "Asia/Brunei", "Asia/Kamchatka", "Asia/Qatar",
    "Asia/Sakhalin", "Australia/Eucla", "Australia/Lindeman", "Australia/Lord_Howe", "Europe/Andorra",
    "Europe/Gibraltar", "Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/Malta",
    "Europe/San_Marino", "Europe/Vatican"}


@dataclass
class Facts:
    """Sorted names of one language, each with a key that names of the same thing share.

    Attributes:
        men, women: first names.
        surnames_men, surnames_women, cities, countries: name -> key. The key of a country is its ISO
            code and that of a city its time zone, so that they agree between languages.
        months: twelve names, in the form that stands beside a day.
    """

    men: list[str]
    women: list[str]
    surnames_men: dict[str, str]
    surnames_women: dict[str, str]
    cities: dict[str, str]
    countries: dict[str, str]
    months: list[str]
    named: dict[str, dict[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.named = {"surnames_men": self.surnames_men, "surnames_women": self.surnames_women,
                      "cities": self.cities, "countries": self.countries}


def load_facts(language: Language) -> Facts:
    """Collects the facts that a pattern file asks for.

    Raises:
        DataError: CLDR does not know the language, a name in `[facts]` is unknown to Faker, or a list
            comes out empty.
    """
    try:
        locale = babel.Locale.parse(language.code)
    except (ValueError, babel.UnknownLocaleError) as error:
        raise DataError(f"{language.path}: CLDR knows no language {language.code!r}, expected a file "
                        "name such as en.txt or sr_Latn.txt.") from error
    skip = set(language.facts.get("skip", ()))
    men_names = language.facts.get("surnames_men") or language.facts.get("surnames", [])
    women_names = language.facts.get("surnames_women") or language.facts.get("surnames", [])
    countries = _countries(locale, skip)
    cities = {name: zone for name, zone in _zone_cities(locale, skip).items() if name not in countries}
    for name in _faker_names(language, "places", "address", skip):
        cities.setdefault(name, f"city {name}")
    surnames_men = {name: _surname_key(name) for name in _faker_names(language, men_names, "person", skip)}
    surnames_women = {name: _surname_key(name)
                      for name in _faker_names(language, women_names, "person", skip)}
    months = locale.months["format"]["wide"]
    facts = Facts(_faker_names(language, "men", "person", skip),
                  _faker_names(language, "women", "person", skip), surnames_men, surnames_women,
                  dict(sorted(cities.items())), countries, [months[i] for i in range(1, 13)])
    for name in ("men", "women", "surnames_men", "surnames_women"):
        if not getattr(facts, name):
            raise DataError(f"{language.path}: no names for `{name}`, expected a line such as "
                            f"`{name} = en_US.first_names` in [facts].")
    return facts


def _countries(locale: babel.Locale, skip: set[str]) -> dict[str, str]:
    return dict(sorted((_clean(name), f"country {code}") for code, name in locale.territories.items()
                       if re.fullmatch("[A-Z]{2}", code) and code not in _NOT_COUNTRIES | skip
                       and _usable(name, skip) and not name[0].islower()))


def _zone_cities(locale: babel.Locale, skip: set[str]) -> dict[str, str]:
    """CLDR leaves out a city whose name is the zone's own, which is good for Latin script only."""
    latin = unicodedata.name(locale.months["format"]["wide"][1][0]).startswith("LATIN")
    # Russian spells every zone's city out, so its list is the list of zones.
    zones = [zone for zone, names in babel.Locale("ru").time_zones.items() if "city" in names]
    cities = {}
    for zone in sorted(zones):
        if zone in _NOT_CITIES or (zone.startswith(_NOT_CITY_AREAS) and zone not in _CITIES_ALL_THE_SAME):
            continue
        name = locale.time_zones.get(zone, {}).get("city")
        if name is None and latin:
            name = zone.rsplit("/", 1)[1].replace("_", " ")
        if name and _usable(name, skip):
            cities.setdefault(_clean(name), f"zone {zone}")
    return cities


def _faker_names(language: Language, sources: str | list[str], kind: str, skip: set[str]) -> list[str]:
    sources = language.facts.get(sources, []) if isinstance(sources, str) else sources
    names: set[str] = set()
    for source in sources:
        locale, _, attribute = source.partition(".")
        values: Any = getattr(provider_class(kind, locale), attribute, None)
        if not values:
            raise DataError(f"{language.path}: Faker's {kind} provider has no {source!r}, expected "
                            "`locale.attribute` such as en_US.last_names.")
        names.update(_clean(name) for name in values if _usable(name, skip))
    return sorted(names)


def provider_class(kind: str, locale: str) -> Any:
    """Faker's own provider of a kind (person, address, company) for a locale; None if there is none."""
    try:
        return importlib.import_module(f"faker.providers.{kind}.{locale}").Provider
    except ImportError:
        return None


def _surname_key(name: str) -> str:
    """One key for `van Dijk` and `Dijk`, for `Орлов` and `Орлова`, for `Nowicki` and `Nowicka`."""
    last = name.split()[-1].casefold()
    for ending, base in (("ская", "ский"), ("цкая", "цкий"), ("ова", "ов"), ("ева", "ев"), ("ёва", "ёв"),
                         ("ина", "ин"), ("ына", "ын"), ("ska", "ski"), ("cka", "cki"), ("dzka", "dzki")):
        if last.endswith(ending):
            last = last[:-len(ending)] + base
    return f"surname {last}"


def _clean(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def _usable(name: str, skip: Iterable[str]) -> bool:
    """Letters, and marks that stand inside names: no brackets, lists or invisible characters."""
    name = _clean(name)
    words = name.split()
    return (bool(words) and name[0].isalpha() and len(words) <= 4 and not set(words) & set(skip)
            and all(c.isalpha() or unicodedata.category(c) in ("Mn", "Mc") or c in " -'’." for c in name)
            and " - " not in name)
