import CIM

/// A word for how a qualifier travels (DSP0004, 5.6.1.2; Semantics H.5).
enum FlavorWord: String, CaseIterable {
    case toInstance, toSubclass, notToInstance, notToSubclass, enableOverride, disableOverride, restricted, amended, translatable

    init?(_ name: String) {
        guard let word = FlavorWord.byName[CIMName(name)] else { return nil }
        self = word
    }

    private static let byName: [CIMName: FlavorWord] = Dictionary(uniqueKeysWithValues: allCases.map { (CIMName($0.rawValue), $0) })

    private func apply(to flavor: inout CIMFlavor) {
        switch self {
        case .toInstance: flavor.insert(.toInstance)
        case .toSubclass: flavor.insert(.toSubclass)
        case .disableOverride: flavor.insert(.disableOverride)
        case .amended: flavor.insert(.amended)
        case .notToInstance: flavor.remove(.toInstance)
        case .notToSubclass: flavor.remove(.toSubclass)
        case .restricted: flavor.subtract([.toSubclass, .toInstance])
        case .enableOverride: flavor.remove(.disableOverride)
        case .translatable: break
        }
    }

    /// All of them, in an order that does not matter: `restricted` is the least particular.
    static func apply(_ words: [FlavorWord], to flavor: inout CIMFlavor) {
        if words.contains(.restricted) { FlavorWord.restricted.apply(to: &flavor) }
        for word in words where word != .restricted { word.apply(to: &flavor) }
    }

    var opposites: [FlavorWord] {
        switch self {
        case .toInstance: [.notToInstance]
        case .notToInstance: [.toInstance]
        case .toSubclass: [.notToSubclass, .restricted]
        case .notToSubclass, .restricted: [.toSubclass]
        case .enableOverride: [.disableOverride]
        case .disableOverride: [.enableOverride]
        case .amended, .translatable: []
        }
    }
}

extension MOFParser {
    /// One more flavor of a list; a contradiction is reported.
    mutating func flavor(_ words: inout [FlavorWord]) throws(MOFError) {
        guard case .identifier(let name) = token.kind, let word = FlavorWord(name) else {
            throw unexpected(.mofExpectedFlavorType, expected: "a flavor")
        }
        if let opposite = word.opposites.first(where: { words.contains($0) }) {
            report(failure(.mofIncompatibleFlavorTypes, "expected a flavor that goes with \(opposite.rawValue), found \(token.text)"))
        }
        if !words.contains(word) { words.append(word) }
        advance()
    }
}
