"""Codelists of a define.xml: the terms that the data uses or the design permits, with NCI's codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from trialbridge.define_xml.datatypes import distinct_values
from trialbridge.define_xml.model import Alias, CodeList, CodeListItem, EnumeratedItem, ExternalCodeList
from trialbridge.define_xml.study import StudyDescription
from trialbridge.model import Dataset, Variable
from trialbridge.standards import Codelist, Term, codelist, codelists, paired

_NCI = "nci:ExtCodeID"
_NCI_CODE = re.compile(r"C\d+")
_SHORT_CODE = re.compile(r"[A-Z]{1,3}")
_NUMBER = re.compile(r"[<>]?=?\s*[-+]?\.?\d")
_YES_NO = "C66742"
_DECODES = {"QNAM": "QLABEL", "ETCD": "ELEMENT"}
_CODE_ENDINGS = ("TESTCD", "PARMCD", "ARMCD")


def decode_name(name: str) -> str | None:
    """Return the variable that says in words what the codes of `name` mean, `None` where there is none.

    Example:
        >>> decode_name("LBTESTCD"), decode_name("QNAM"), decode_name("LBCAT")
        ('LBTEST', 'QLABEL', None)
    """
    return _DECODES.get(name) or (name.removesuffix("CD") if name.endswith(_CODE_ENDINGS) else None)


def code_list_for(study: StudyDescription, dataset: Dataset, variable: Variable) -> CodeList | None:
    """Return the codelist of `variable`, `None` where nothing governs it or it has no value."""
    dictionary = next((code for code in variable.codelists if not _NCI_CODE.fullmatch(code)), None)
    if dictionary:
        return _external(study, dictionary, variable)
    permitted = study.permitted.get((dataset.name, variable.name), ())
    values = _in_order(permitted, column_values(dataset.table[variable.name]))
    if not values:
        return None
    scope, decode = _scope(dataset, variable), decodes(dataset, variable)
    found = _look_up(study, variable)
    if found:
        return _standard(study, scope, variable, found, values, decode)
    if permitted or decode_name(variable.name) in dataset.table.column_names:
        return _sponsor(scope, variable, values, decode)
    return None


def value_code_list(
    study: StudyDescription, place: tuple[str, str], scope: str, variable: Variable, column: pa.ChunkedArray
) -> CodeList | None:
    """Return the codelist of the results of one test, `None` where nothing governs them.

    A result is governed by what the design permits for the test, or by the variable's own codelist if it
    has one of the values and none of them is a number.
    """
    values = column_values(column)
    if place in study.permitted:
        return _sponsor(scope, variable, _in_order(study.permitted[place], values), {})
    found = _look_up(study, variable)
    if any(_NUMBER.match(value) for value in values) or not any(v in item for item in found for v in values):
        return None
    return _standard(study, scope, variable, found, values, {})


def _sponsor(scope: str, variable: Variable, values: Iterable[str], decode: Mapping[str, str]) -> CodeList:
    """Return a codelist of the study's own; with decodes where every value has one."""
    return _code_list(
        f"CL.{scope}",
        f"{variable.label} ({scope})",
        variable,
        [(value, decode.get(value), None, False) for value in values],
    )


def decodes(dataset: Dataset, variable: Variable) -> dict[str, str]:
    """Return what each code of `variable` means, from the variable beside it that says so."""
    name = decode_name(variable.name)
    if name is None or name not in dataset.table.column_names:
        return {}
    pairs = dataset.table.select([variable.name, name]).group_by([variable.name, name]).aggregate([])
    found = zip(pairs[variable.name].to_pylist(), pairs[name].to_pylist(), strict=True)
    return dict(sorted(((code, text) for code, text in found if code and text), reverse=True))


def column_values(column: pa.ChunkedArray) -> list[str]:
    """Return the distinct values of a column as text, sorted; a whole number has no point.

    Example:
        >>> column_values(pa.chunked_array([[2.0, 10.0, None]]))
        ['2', '10']
    """
    values = distinct_values(column).to_pylist()
    return [format(value, ".15g") if isinstance(value, float) else value for value in sorted(values)]


def _in_order(permitted: tuple[str, ...], used: list[str]) -> list[str]:
    """Return the permitted values in the order of the design, then those that only the data has."""
    return list(dict.fromkeys((*permitted, *used)))


def _scope(dataset: Dataset, variable: Variable) -> str:
    """Return the name of a variable, with its dataset unless its prefix says the domain already."""
    prefixed = len(dataset.name) == 2 and variable.name.startswith(dataset.name)
    return variable.name if prefixed else f"{dataset.name}.{variable.name}"


def _external(study: StudyDescription, dictionary: str, variable: Variable) -> CodeList:
    """Return the codelist that stands for a dictionary kept elsewhere: its terms, or its numeric codes."""
    external = ExternalCodeList(dictionary=dictionary, version=study.dictionaries.get(dictionary))
    ending, words, data_type = ("", "", "text") if variable.type == "Char" else (".CODE", " codes", "integer")
    return CodeList(
        oid=f"CL.{dictionary}{ending}",
        name=f"{dictionary}{words}",
        data_type=data_type,
        external_code_list=external,
    )


def _look_up(study: StudyDescription, variable: Variable) -> list[Codelist]:
    """Return the CDISC codelists that govern `variable`, if this version of the terminology has them."""
    known = {item.code for item in codelists(study.ct_version)}
    return [codelist(code, study.ct_version) for code in variable.codelists if code in known]


def _standard(
    study: StudyDescription,
    scope: str,
    variable: Variable,
    found: Sequence[Codelist],
    values: Sequence[str],
    said: Mapping[str, str],
) -> CodeList:
    """Return the part of a CDISC codelist that the study uses, extended where it may be.

    Of several codelists, the one with most of the values gives the name.
    """
    standard = max(found, key=lambda item: sum(value in item for value in values))
    terms = {
        value: next(filter(None, (item.term(value) for item in (standard, *found))), None) for value in values
    }
    decode = {**_paired_names(study, found, terms), **said}
    if not decode:
        decode = {value: term.preferred_term for value, term in _short_codes(terms).items()}
    rows = [
        (value, decode.get(value), term, term is None and standard.extensible)
        for value, term in terms.items()
    ]
    # one list for each combination of yes and no serves all flags; any other list is its variable's own
    scope = f"NY.{'_'.join(values)}" if standard.code == _YES_NO else scope
    return _code_list(
        f"CL.{scope}", f"{standard.name} ({scope})", variable, rows, study.ct_oid, standard.code
    )


def _short_codes(terms: Mapping[str, Term | None]) -> dict[str, Term]:
    """Return the terms if each is a short code such as ``F`` or ``QD``; else nothing."""
    known = {value: term for value, term in terms.items() if term and _SHORT_CODE.fullmatch(value)}
    return known if len(known) == len(terms) else {}


def _paired_names(
    study: StudyDescription, found: Sequence[Codelist], terms: Mapping[str, Term | None]
) -> dict[str, str]:
    """Return the names that the paired codelists of test codes have for the same NCI codes."""
    pairs = [paired(item.code, study.ct_version) for item in found]
    partners = [codelist(code, study.ct_version) for code in pairs if code]
    names = {
        value: name
        for partner in partners
        for value, term in terms.items()
        if term and (name := partner.by_code(term.code))
    }
    return {value: name.submission_value for value, name in names.items()}


_Row = tuple[str, str | None, Term | None, bool]


def _code_list(
    oid: str, name: str, variable: Variable, rows: list[_Row], standard_oid: str | None = None, code: str = ""
) -> CodeList:
    """Return a codelist of `rows`: coded where every row has a decode, else enumerated."""
    numbers = enumerate(rows, start=1)
    coded = all(row[1] for row in rows)
    return CodeList(
        oid=oid,
        name=name,
        data_type=_data_type(variable, rows),
        standard_oid=standard_oid,
        is_non_standard=standard_oid is None,
        code_list_items=tuple(_coded(number, row) for number, row in numbers) if coded else (),
        enumerated_items=() if coded else tuple(_enumerated(number, row) for number, row in numbers),
        aliases=(Alias(context=_NCI, name=code),) if code else (),
    )


def _data_type(variable: Variable, rows: list[_Row]) -> str:
    """Return the data type of a codelist, which is that of its variable."""
    if variable.type == "Char":
        return "text"
    return "float" if any("." in row[0] for row in rows) else "integer"


def _coded(number: int, row: _Row) -> CodeListItem:
    value, decode, term, extended = row
    return CodeListItem(
        coded_value=value,
        order_number=number,
        extended_value=extended,
        decode=decode or value,
        aliases=_nci(term),
    )


def _enumerated(number: int, row: _Row) -> EnumeratedItem:
    value, _, term, extended = row
    return EnumeratedItem(coded_value=value, order_number=number, extended_value=extended, aliases=_nci(term))


def _nci(term: Term | None) -> tuple[Alias, ...]:
    """Return NCI's code of a term as an alias."""
    return (Alias(context=_NCI, name=term.code),) if term else ()
