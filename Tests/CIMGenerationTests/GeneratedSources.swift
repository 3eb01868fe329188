import CIMGeneration
import CIMMOF
import CIMMOFFiles

/// MOF and what is made of it.
enum GeneratedSources {
    static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    static func path(_ name: String) -> String { "\(root)/Tests/CIMGenerationTests/\(name)" }

    /// Files of the project, read with what they include.
    static func files(_ names: String...) throws -> [ClassSet.File] {
        let reader = MOFFiles(folders: [])
        return try names.map { name in
            try ClassSet.File(try reader.source("\(root)/\(name)")) { (name, from) throws(MOFError) in try reader.include(name, from: from)
            }
        }
    }

    /// A file that is only a text.
    static func file(_ text: String, _ name: String = "test.mof") throws -> ClassSet.File {
        try ClassSet.File(MOFSource(file: name, text: text)) { (name, _) throws(MOFError) in
            throw MOFError(file: name, line: 0, column: 0, status: .notFound, message: "nothing is included here")
        }
    }

    /// - Parameter known: classes that the files do not declare, as MOF.
    static func swift(
        _ files: [ClassSet.File], _ options: GenerationOptions = GenerationOptions(), known: String = ""
    ) throws -> String {
        try SwiftGenerator(ClassSet(files, known: try MOFParser.parse(known).classes), options).whole(files)
    }

    /// What is wrong with texts; empty: nothing.
    static func errors(_ texts: String..., options: GenerationOptions = GenerationOptions()) throws -> [String] {
        let files = try texts.enumerated().map { try file($1, "\($0).mof") }
        do {
            _ = try swift(files, options)
            return []
        } catch let errors as GenerationErrors {
            return errors.errors.map(\.description)
        }
    }
}
