"""What stands before the contents: the findings on one page, the abstract in two languages."""

import re
from collections.abc import Sequence

from brainlib.show import findings as found_things
from brainlib.show.findings import Found
from brainlib.show.report.document import Block, Finding, Paragraph, Section
from brainlib.show.report.saved import Saved

KEYWORDS = (
    "brain MRI",
    "autoencoder",
    "variational autoencoder",
    "vector quantisation",
    "image restoration",
    "unsupervised anomaly detection",
)
PALABRAS = (
    "resonancia magnética cerebral",
    "autoencoder",
    "autoencoder variacional",
    "cuantización vectorial",
    "restauración de imágenes",
    "detección de anomalías no supervisada",
)
EN_ESPANOL = {
    "shown": "afirmación demostrada",
    "not shown": "afirmación no demostrada",
    "too few to decide": "sin decidir, por ser demasiado pocas personas",
    "not shown, the opposite holds": "afirmación no demostrada; ocurre lo contrario",
}
CUENTAS = {
    "shown": "demostradas",
    "not shown": "no demostradas",
    "too few to decide": "sin decidir, por ser demasiado pocas personas",
}
UNITS = {"bits per code": "bits por código", "in |log ratio|": "en |log cociente|"}
EFFECT = re.compile(r"= (-?[\d.]+)((?: [^\s\[\d][^\[]*?)?) \[(-?[\d.]+), (-?[\d.]+)\]")
NUMBERS = re.compile(r"difference ([+-]?[\d.]+) \[([+-]?[\d.]+), ([+-]?[\d.]+)\]")
SYNTHETIC = (
    "Synthetic heads show how the methods work; no number here says anything about patients."
)
NOT_CLINICAL = "Nothing here is a medical device, and no number supports a diagnosis."
NO_CLINICO = (
    "Las cabezas sintéticas muestran cómo funcionan los métodos; ningún número dice nada sobre "
    "pacientes."
)
NINGUN_DIAGNOSTICO = (
    "Nada de esto es un producto sanitario y ningún número sirve de apoyo a un diagnóstico."
)
MEASURES = (
    "**The measures.** The peak signal-to-noise ratio (PSNR, in dB) is the higher and the "
    "structural dissimilarity (DSSIM) the lower, the nearer a picture is to the original. The area "
    "under the precision-recall curve (AUPRC) says how well lesion pixels are told from others; "
    "chance reaches their share. PCA 32 is a principal component analysis that keeps 32 numbers of "
    "a picture. [sec:measures] has all of them."
)
HOW_TO_READ = (
    "Each finding is a claim that a chapter makes in every run, whichever way it comes out. "
    "*Shown*: the whole 95 % interval speaks for it. *Not shown*: it does not. *Too few to "
    "decide*: fewer than six people. Intervals are taken over people, because slices of one head "
    "resemble each other."
)
EN_HOW = (
    "An autoencoder is a network that presses a picture into few numbers and rebuilds it from "
    "them. Networks were trained on 2-D slices and judged on people whom none of them had seen. "
    "Each result is compared with simple references, such as doing nothing or a principal "
    "component analysis, and its interval is taken over people."
)
ES_HOW = (
    "Un autoencoder es una red que comprime una imagen en pocos números y la reconstruye a partir "
    "de ellos. Las redes se entrenaron con cortes bidimensionales y se evaluaron en personas que "
    "ninguna de ellas había visto. Cada resultado se compara con referencias sencillas, como no "
    "hacer nada o un análisis de componentes principales, y su intervalo se calcula entre personas."
)


def findings_page(saved: Saved) -> Section:
    """The findings that matter most, on one page."""
    found = saved.findings
    blocks: list[Block] = [Paragraph(_about_data(saved)), Paragraph(_harm(found), "warning")]
    blocks.append(Paragraph(f"{found_things.counts_in_words(found)} {HOW_TO_READ}"))
    for one in found_things.first_page(found):
        blocks.append(as_block(one, evidence=f"sec:results-{one.chapter}"))
    blocks += _aims(found)
    blocks.append(Paragraph(MEASURES) if found else Paragraph(""))
    kept = [one for one in blocks if not isinstance(one, Paragraph) or one.text]
    return Section("findings", "The findings on one page", tuple(kept), numbered=False)


def as_block(found: Found, *, evidence: str = "") -> Finding:
    """A finding as the report shows it.

    Args:
        found: the finding.
        evidence: the section that has its tables and figures; "" where the finding stands in it.
    """
    verdict = found_things.verdict_in_words(found)
    return Finding(found.claim, verdict, found.words, evidence)


def abstract(saved: Saved) -> Section:
    """The abstract in English: sentences filled from the findings."""
    meaning = SYNTHETIC if saved.synthetic else NOT_CLINICAL
    sentences = [_opening(saved), EN_HOW, meaning, found_things.counts_in_words(saved.findings)]
    sentences += [_sentence(one) for one in found_things.first_page(saved.findings)]
    words = Paragraph(f"**Keywords:** {', '.join(KEYWORDS)}.")
    text = Paragraph(" ".join(sentences), "generated")
    return Section("abstract", "Abstract", (text, words), numbered=False)


def resumen(saved: Saved) -> Section:
    """The abstract in Spanish, from the same numbers; no free text is translated."""
    meaning = NO_CLINICO if saved.synthetic else NINGUN_DIAGNOSTICO
    sentences = [_apertura(saved), ES_HOW, meaning, _cuentas(saved.findings)]
    sentences += [_frase(one) for one in found_things.first_page(saved.findings)]
    words = Paragraph(f"**Palabras clave:** {', '.join(PALABRAS)}.")
    text = Paragraph(" ".join(sentence for sentence in sentences if sentence), "generated")
    return Section("resumen", "Resumen", (text, words), numbered=False, language="es")


def _about_data(saved: Saved) -> str:
    """Whose heads, how many, and what that allows to say."""
    text = f"**Data.** {saved.source or 'The data were not described'}."
    return f"{text} {SYNTHETIC if saved.synthetic else NOT_CLINICAL}"


def _harm(found: Sequence[Found]) -> str:
    """What is worse than doing nothing or than the mean picture, said before all else."""
    harmful = [one for one in found if one.speaks_against and one.against_nothing]
    if not harmful:
        return ""
    claims = "; ".join(f"“{one.claim}” ({one.words.rstrip('.')})" for one in harmful[:3])
    more = f" and {len(harmful) - 3} more" if len(harmful) > 3 else ""
    return (
        f"Worse than doing nothing or than the mean picture. The opposite holds of: {claims}{more}."
    )


def _aims(found: Sequence[Found]) -> list[Block]:
    """How many aims were reached, and where each of them stands."""
    aims = found_things.aims(found)
    words = f"{found_things.aims_in_words(aims)} [sec:aims] lists them."
    return [Paragraph(words)] if aims else []


def _opening(saved: Saved) -> str:
    heads = "synthetic heads" if saved.synthetic else "real heads"
    count = f"{saved.people} " if saved.people else ""
    kinds = "autoencoders, variational and vector-quantised autoencoders and adversarial ones"
    return f"This report studies {kinds} on T1-weighted brain MRI of {count}{heads}."


def _apertura(saved: Saved) -> str:
    heads = "cabezas sintéticas" if saved.synthetic else "cabezas reales"
    count = f"{saved.people} " if saved.people else ""
    kinds = "autoencoders convolucionales, variacionales, cuantizados y adversarios"
    return (
        f"Este trabajo estudia {kinds} en imágenes cerebrales ponderadas en T1 de {count}{heads}."
    )


def _sentence(found: Found) -> str:
    verdict = found_things.verdict_in_words(found)
    return f"{found.claim}: {verdict} ({found.words.rstrip('.')})."


def _cuentas(found: Sequence[Found]) -> str:
    if not found:
        return "Ninguna afirmación se puso a prueba."
    parts = []
    for verdict in found_things.VERDICTS:
        count = sum(one.verdict == verdict for one in found)
        parts += [f"{count} {CUENTAS[verdict]}"] if count else []
    return f"Se pusieron a prueba {len(found)} afirmaciones: {'; '.join(parts)}."


def _frase(found: Found) -> str:
    """A sentence in Spanish from a finding's numbers."""
    topic = found_things.chapters_in_words().get(found.chapter, {}).get("tema")
    if not topic:
        return ""
    verdict = EN_ESPANOL[found_things.verdict_in_words(found)]
    return f"{topic[:1].upper()}{topic[1:]}: {verdict}{_efecto(found)}."


def _efecto(found: Found) -> str:
    people = found.numbers.get("people") or found.numbers.get("subjects")
    whom = f"; {people} personas" if people else ""
    match = EFFECT.search(found.words)
    if match:
        value, unit, low, high = match.groups()
        unit = UNITS.get(unit.strip(), unit.strip())
        return f" (diferencia de {' '.join(filter(None, [value, unit]))} [{low}, {high}]{whom})"
    match = NUMBERS.search(found.words)
    return f" (diferencia de {match[1]} [{match[2]}, {match[3]}]{whom})" if match else ""
