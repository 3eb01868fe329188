// Generates types of Swift from MOF files: the tool of CIMBusMOFPlugin. People call "cimctl generate", which does more.
//
//   cimbus-generate [--options FILE] [--client] [--provider] [--access WORD] [--names WORD] [-I FOLDER] --output FOLDER FILE.mof…

import CIMGeneration
import CIMMOF
import CIMMOFFiles
import Glibc

func fail(_ text: String, _ status: Int32 = 1) -> Never {
    _ = (text + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
    exit(status)
}

/// The command line.
struct Arguments {
    var options = GenerationOptions()
    var folders: [String] = []
    var output = ""
    var files: [String] = []

    init(_ words: [String]) {
        options.forClients = false
        options.forProviders = false
        read(words, canName: true)
        if output.isEmpty || files.isEmpty { fail("cimbus-generate: --output FOLDER and a MOF file are needed", 64) }
    }

    /// - Parameter canName: whether the words may name files: not those of a file of options.
    private mutating func read(_ words: [String], canName: Bool) {
        var words = words[...]
        while let word = words.popFirst() {
            switch word {
            case "--client": options.forClients = true
            case "--provider": options.forProviders = true
            case "--access": options.access = value(&words, of: word)
            case "--names": options.names = value(&words, of: word)
            case "-I" where canName: folders.append(words.popFirst() ?? "")
            case "--output" where canName: output = words.popFirst() ?? ""
            case "--options" where canName:
                let path = words.popFirst() ?? ""
                guard let bytes = TextFile.contents(path, upTo: 64 << 10) else { fail("\(path):1:1: error: it cannot be read") }
                read(String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init), canName: false)
            default:
                if word.hasPrefix("-") || !canName { fail("cimbus-generate: there is no option '\(word)' here", 64) }
                files.append(word)
            }
        }
    }

    private func value<Word: RawRepresentable & CaseIterable>(_ words: inout ArraySlice<String>, of option: String) -> Word
    where Word.RawValue == String {
        let text = words.popFirst() ?? ""
        if let word = Word(rawValue: text) { return word }
        fail("cimbus-generate: \(option) takes \(Word.allCases.map(\.rawValue).joined(separator: " or ")), not '\(text)'", 64)
    }
}

let arguments = Arguments(Array(CommandLine.arguments.dropFirst()))
do {
    let reader = MOFFiles(folders: arguments.folders)
    var files: [ClassSet.File] = []
    for path in arguments.files {
        files.append(try ClassSet.File(try reader.source(path)) { (name, from) throws(MOFError) in try reader.include(name, from: from) })
    }
    for output in try SwiftGenerator(ClassSet(files), arguments.options).outputs(files) {
        guard let file = output.file else { continue }
        try TextFile.write(output.text, to: arguments.output + "/" + ClassSet.File.outputName(of: file, extension: "swift"))
    }
} catch let errors as MOFErrors {
    fail(errors.errors.map { "\($0.file):\(max(1, $0.line)):\(max(1, $0.column)): error: \($0.message)" }.joined(separator: "\n"))
} catch let error as MOFError {
    fail("\(error.file):\(max(1, error.line)):\(max(1, error.column)): error: \(error.message)")
} catch let errors as GenerationErrors {
    fail(errors.errors.map(\.description).joined(separator: "\n"))
} catch {
    fail("error: \(error)")
}
