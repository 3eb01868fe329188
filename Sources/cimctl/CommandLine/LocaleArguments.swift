import ArgumentParser
import CIMBusClient

/// What the commands that show classes take.
struct LocaleArguments: ParsableArguments {
    @Flag(help: "With the localized qualifiers, in the language of --locale, or else of LC_ALL, LC_MESSAGES or LANG.") var amended = false

    @Option(
        help: ArgumentHelp(
            "As --amended, in this language, e.g. MS_407 or de_DE. Where a class has none of it, English comes, or what all languages have.",
            valueName: "locale"))
    var locale: CIMLocale?

    /// With what the user asked for.
    func applied(to options: OperationOptions) -> OperationOptions {
        guard amended || locale != nil else { return options }
        var options = options
        options.locale = locale
        options.flags.insert(.useAmendedQualifiers)
        return options
    }

    var isGiven: Bool { amended || locale != nil }
}

extension CIMLocale: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
