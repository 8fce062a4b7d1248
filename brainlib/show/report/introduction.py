"""The first chapter: why, the theses that the workbook implements, and their peers."""

from brainlib.show.report.document import Column, Paragraph, Section, Table, cells

AUTHOR_WHY = "State here, in your own words, the question of this work, why it matters and to whom."
AUTHOR_RELATED = (
    "Add the works that your own question rests on, and what each of them leaves open. New works "
    "go into `bibliography.bib` and are cited by their keys."
)
WHY = (
    "A magnetic resonance image (MRI) of the head consists of slices. An autoencoder is a network "
    "that presses such a slice into few numbers and rebuilds it from them [@hinton2006]. The hope "
    "is that it rebuilds only what it has learned: then it would restore what is damaged, draw "
    "what is new, and mark what is unusual. Whether it does is what this report puts to the test."
)
HOW_FAR = (
    "Four master's theses asked these questions of brain MRI. This report comes from a workbook "
    "that implements all four, corrects their faults, and states how certain each result is. "
    "[tab:introduction/theses] lists the theses and the works that they stand beside."
)
RELATED = (
    "**Variational autoencoders** give each slice a distribution instead of a point, so that new "
    "slices can be drawn [@kingma2014; @kingma2019]. **Vector-quantised** ones write it with a "
    "finite codebook [@oord2017], and a critic network makes their output sharp [@esser2021; "
    "@goodfellow2014].",
    "**Restoration** networks take over ideas of residual blocks [@he2016] and of skip "
    "connections [@ronneberger2015; @mao2016]. A skip connection also lets a network copy its "
    "input, which this report measures.",
    "**Anomaly detection** without labels trains on healthy brains only and takes for ill what is "
    "not rebuilt [@baur2018; @chen2018; @baur2021]. Other scores replace unlikely codes "
    "[@naval2021; @pinaya2021] or restore masked patches [@zimmerer2018; @chatterjee2022]. "
    "Generating brains was also tried with adversarial networks alone [@bermudez2018; @kwon2019].",
)
THESES = (
    (
        "000",
        "Tablado [@tablado2023]",
        "VAE, VQ-VAE",
        "Can new brain slices be drawn?",
        "[@kingma2014; @oord2017; @kwon2019]",
    ),
    (
        "002",
        "Reddipalli [@reddipalli2022]",
        "VAE, VQ-VAE, VQGAN",
        "Do networks that know healthy brains find lesions?",
        "[@baur2021; @naval2021; @pinaya2021]",
    ),
    (
        "003",
        "Pardo [@pardo2020]",
        "ResNet-like autoencoders",
        "How well are slices rebuilt, with which loss?",
        "[@he2016; @myronenko2018; @manjon2020]",
    ),
    (
        "004",
        "Arnaiz [@arnaiz2020]",
        "residual and skip-connection autoencoders",
        "Which network restores corrupted slices?",
        "[@ronneberger2015; @mao2016; @myronenko2018]",
    ),
)


def introduction() -> Section:
    """Why, how far, and what others did."""
    why = Section(
        "why",
        "The question",
        (Paragraph(AUTHOR_WHY, "author"), Paragraph(WHY), Paragraph(HOW_FAR), theses()),
    )
    related = (*(Paragraph(text) for text in RELATED), Paragraph(AUTHOR_RELATED, "author"))
    return Section(
        "introduction", "Introduction", (), (why, Section("related", "Related work", related))
    )


def theses() -> Table:
    """The theses, what each asked, and their closest peers."""
    headings = ("Thesis", "Author", "Networks", "Question", "Peers")
    return Table(
        "introduction/theses",
        "The four theses that the workbook implements, and published works that ask the same.",
        tuple(Column(heading) for heading in headings),
        tuple(cells(*row) for row in THESES),
    )
