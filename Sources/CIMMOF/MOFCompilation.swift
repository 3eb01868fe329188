import CIM

/// What came of reading a text: a unit, or errors and what could be read in spite of them.
struct MOFCompilation {
    var unit: MOFUnit
    var errors: [MOFError]

    /// How many tokens were cut: what the time is proportional to.
    var steps: Int

    init(_ source: MOFSource, in context: MOFContext) {
        var parser = MOFParser(source, in: context)
        parser.run()
        unit = parser.unit
        errors = parser.errors
        steps = parser.finishedSteps
    }
}
