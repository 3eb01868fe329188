import CIMBusClient
import CIMMOF
import CIMMOFFiles

/// A MOF file that was read without error: what it declares, and the one text that the broker gets.
///
/// The broker reaches no files, so what is included stands in the text. It names declarations by number and lines of that text; these become
/// places in the files again.
struct PreparedMOF {
    let file: String
    let unit: MOFUnit
    private let flat: MOFFlattening

    var text: String { flat.text }

    /// Throws all that is wrong, up to `limit` errors.
    /// - Parameter flat: the text, where it was put together before.
    init(
        _ file: String, in files: MOFFiles, namespace: CIMNamespaceName?, limit: Int = MOFLimits().errors, flat: MOFFlattening? = nil
    ) throws(MOFFaults) {
        self.file = file
        var context = MOFContext(namespace: namespace, include: Self.include(files))
        context.limits.errors = limit
        let source: MOFSource
        do throws(MOFError) { source = try files.source(file) } catch { throw MOFFaults(errors: [error], isTruncated: false) }
        do throws(MOFErrors) { unit = try MOFParser.parse(source, in: context) } catch {
            throw MOFFaults(errors: error.errors, isTruncated: error.isTruncated)
        }
        do throws(MOFError) { if let flat { self.flat = flat } else { self.flat = try Self.flat(file, in: files) } } catch {
            throw MOFFaults(errors: [error], isTruncated: false)
        }
    }

    /// The text of a file with all that it includes. What else is wrong with it than what it includes is not looked for.
    static func flat(_ file: String, in files: MOFFiles) throws(MOFError) -> MOFFlattening {
        try MOFFlattening(try files.source(file), include: include(files))
    }

    private static func include(_ files: MOFFiles) -> MOFContext.Include {
        { (name, from) throws(MOFError) in try files.include(name, from: from) }
    }

    /// What the broker said, with the places in the files: a line for each error.
    func lines(of failure: MOFCompilation.Failure) -> [String] {
        // A place of its own, as in "<buffer>:3:5: …".
        if failure.phase == .syntax || failure.message.hasPrefix("<buffer>:") {
            return failure.message.split(separator: "\n").map { located(String($0)) }
        }
        var message = failure.message
        if message.hasPrefix("<buffer>, line "), let colon = message.firstRange(of: ": ") { message = String(message[colon.upperBound...]) }
        let text = "\(failure.status.hex): \(message)"
        if let number = failure.declaration, unit.declarations.indices.contains(number - 1) {
            let declaration = unit.declarations[number - 1]
            return ["\(declaration.file):\(declaration.firstLine): \(text)"]
        }
        guard let line = failure.firstLine else { return ["\(file): \(text)"] }
        let place = flat.place(ofLine: line)
        return ["\(place.file):\(place.line): \(text)"]
    }

    /// `<buffer>:LINE:…` as `FILE:LINE:…`.
    private func located(_ text: String) -> String {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "<buffer>", let line = Int(parts[1]) else { return "\(file): \(text)" }
        let place = flat.place(ofLine: line)
        return "\(place.file):\(place.line):\(parts[2])"
    }
}

/// The fault of a MOF file, or of whoever named it: what is wrong with it.
struct MOFFaults: Error {
    var errors: [MOFError]
    /// Whether there may be more.
    var isTruncated: Bool
}
