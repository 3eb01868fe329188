import ArgumentParser
import CIMBusClient
import DBus
import Glibc
import SystemPackage

struct NewGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Begins something new.", subcommands: [NewProvider.self])
}

/// Writes a provider that works, to begin from.
struct NewProvider: Program {
    static let configuration = CommandConfiguration(
        commandName: "provider",
        abstract: "Writes a provider that builds and passes its test as it is, to begin from.",
        discussion: """
            Into a new folder come the classes in MOF, the provider, its test on a private bus, a README, and what installs it as a service \
            that starts when it is needed. For example:
              cimctl new provider Timers --language python
            """)

    @Argument(
        help: ArgumentHelp(
            "One word such as Clocks. The classes are called Clocks_Item and so on.", valueName: "name"))
    var name: String
    @Option(help: "swift: a package. python: one file that needs no code of CIMBus.") var language = ProviderTemplate.Language.swift
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The folder, which is made. Without it NAME in the current folder.", valueName: "folder"))
    var directory: String?
    @Option(
        help: ArgumentHelp(
            """
            For Swift: where the package cimbus is, a folder or the URL of a repository. Without it CIMBUS_PACKAGE in the environment, or \
            the package in whose .build this cimctl is.
            """, valueName: "package"))
    var cimbus: String?

    var busAddress: BusAddress { .session }

    func validate() throws {
        if cimbus != nil, language == .python { throw ValidationError("--cimbus is for --language swift: Python needs no code of CIMBus") }
    }

    func perform(_ output: inout Output) async throws {
        let name: ProviderName
        do throws(ProviderName.Fault) { name = try ProviderName(self.name) } catch { throw ValidationError(error.description) }
        var template = ProviderTemplate(name: name, language: language)
        if language == .swift {
            guard let package = CIMBusPackage(given: cimbus).location else {
                throw ValidationError(
                    "where is the package cimbus? Say it by --cimbus, as a folder or as the URL of a repository: this cimctl is installed, and not in its .build"
                )
            }
            template.cimbus = try package.get()
        }
        let folder = directory ?? name.text
        try NewFolder(path: folder).write(template.files)
        try output.write("\(folder): \(template.files.count) files; README.md says what comes next\n")
    }
}

/// Where a new Swift package finds the library.
struct CIMBusPackage {
    /// On the command line.
    var given: String?
    var environment: String? = getenv("CIMBUS_PACKAGE").map { String(cString: $0) }
    /// Of this program.
    var executable = OwnProgram.path

    /// Nil when nobody says it. A failure when what is named is no such package.
    var location: Result<String, ValidationError>? {
        if let named = given ?? environment, !named.isEmpty {
            if named.contains("://") || named.hasPrefix("git@") { return .success(named) }
            guard let path = Self.package(at: named) else {
                return .failure(ValidationError("there is no package cimbus at \(named): no file \(named)/Package.swift"))
            }
            return .success(path)
        }
        guard let build = executable.ranges(of: "/.build/").last else { return nil }
        return Self.package(at: String(executable[..<build.lowerBound])).map { .success($0) }
    }

    /// The whole path of a folder that has a package.
    private static func package(at folder: String) -> String? {
        guard access(folder + "/Package.swift", R_OK) == 0, let real = realpath(folder, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}

/// A folder that is made with all its files. What is there already is never written over.
struct NewFolder {
    var path: String

    /// Throws AlreadyExists when something is there, and Failed when something cannot be written.
    func write(_ files: [ProviderTemplate.File]) throws(CIMError) {
        let isNew = mkdir(path, 0o777) == 0
        guard isNew || errno == EEXIST else { throw failure(path, errno) }
        guard isNew || isEmpty else {
            throw CIMError(
                .alreadyExists, "\(path) is there already, and has something in it",
                cause: Advice(text: "name another folder with --directory"))
        }
        for file in files {
            let parts = file.path.split(separator: "/")
            for count in 1..<max(parts.count, 1) {
                let folder = path + "/" + parts[..<count].joined(separator: "/")
                guard mkdir(folder, 0o777) == 0 || errno == EEXIST else { throw failure(folder, errno) }
            }
            do {
                let descriptor = try FileDescriptor.open(
                    FilePath(path + "/" + file.path), .writeOnly, options: [.create, .exclusiveCreate],
                    permissions: FilePermissions(rawValue: file.isProgram ? 0o777 : 0o666))
                try descriptor.closeAfter { _ = try descriptor.writeAll(file.text.utf8) }
            } catch { throw failure(path + "/" + file.path, (error as? Errno)?.rawValue ?? EIO) }
        }
    }

    private var isEmpty: Bool {
        guard let directory = opendir(path) else { return false }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // The folder itself and the one above.
        return count <= 2
    }

    private func failure(_ path: String, _ number: Int32) -> CIMError {
        CIMError(
            .failed, "\(path) cannot be written: \(Errno(rawValue: number))",
            cause: Advice(text: "name a folder that you may write to with --directory"))
    }
}
