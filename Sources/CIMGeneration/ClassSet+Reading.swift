import CIM
import CIMMOF

extension ClassSet.File {
    /// Reads a MOF file and what it includes.
    /// - Parameter include: as in ``MOFContext``.
    /// - Throws: all that is wrong with them.
    public init(_ source: MOFSource, include: @escaping MOFContext.Include) throws(MOFErrors) {
        var sources = [source.file: source.text]
        let noting: MOFContext.Include = { (name, from) throws(MOFError) in
            let included = try include(name, from)
            sources[included.file] = included.text
            return included
        }
        let unit = try MOFParser.parse(source, in: MOFContext(include: noting))
        let text: String
        do throws(MOFError) { text = try MOFFlattening(source, include: include).text } catch { throw MOFErrors(error) }
        self.init(name: source.file, unit: unit, text: text, sources: sources)
    }

    /// What the code that comes of it is called: "Clock.mof.swift".
    public static func outputName(of file: String, extension word: String) -> String { SwiftGenerator.lastComponent(file) + "." + word }
}
