extension ProviderTemplate {
    var swiftFiles: [File] {
        [
            File(path: "Package.swift", text: package), File(path: "README.md", text: swiftPage),
            File(path: ".gitignore", text: ".build/\n"),
            File(path: "Sources/\(name)/\(name).mof", text: mof), File(path: "Sources/\(name)/Store.swift", text: store),
            File(path: "Sources/\(name)/Items.swift", text: items), File(path: "Sources/\(name)/Groups.swift", text: groups),
            File(path: "Sources/\(name)/Service.swift", text: service),
            File(path: "Sources/\(name.program)/main.swift", text: main),
            File(path: "Tests/\(name)Tests/\(name)Tests.swift", text: tests),
        ]
    }

    /// A path begins like one; everything else is a URL.
    private var dependency: String {
        let isPath = cimbus.hasPrefix("/") || cimbus.hasPrefix(".")
        return isPath ? #".package(name: "cimbus", path: "\#(cimbus)")"# : #".package(url: "\#(cimbus)", branch: "main")"#
    }

    /// The name by which products are asked for: of a URL its last part.
    private var packageName: String {
        guard !cimbus.hasPrefix("/"), !cimbus.hasPrefix("."), let last = cimbus.split(separator: "/").last else { return "cimbus" }
        return last.hasSuffix(".git") ? String(last.dropLast(4)) : String(last)
    }

    private var package: String {
        """
        // swift-tools-version: 6.2

        import PackageDescription

        let package = Package(
            name: "\(name.program)",
            dependencies: [\(dependency)],
            targets: [
                .target(
                    name: "\(name)", dependencies: [.product(name: "CIMBusProvider", package: "\(packageName)")],
                    resources: [.embedInCode("\(name).mof")]),
                .executableTarget(name: "\(name.program)", dependencies: ["\(name)"]),
                .testTarget(
                    name: "\(name)Tests",
                    dependencies: [
                        "\(name)", "\(name.program)",
                        .product(name: "CIMBusTestKit", package: "\(packageName)"),
                        // The broker of the tests is built with them.
                        .product(name: "cimbusd", package: "\(packageName)"),
                    ]),
            ]
        )

        """
    }

    private var store: String {
        """
        import CIMBusProvider

        /// An item, as the provider keeps it.
        struct Item: Sendable {
            var name: String
            var note: String?
            var useCount: UInt32 = 0

            var path: CIMObjectPath { CIMObjectPath(className: "\(name)_Item", ["Name": .string(name)]) }

            /// The name of the item's group.
            var group: String { name.prefix(1).uppercased() }
        }

        /// The items. Calls come side by side, so an actor keeps them. Put what you manage in its place.
        actor Store {
            /// By name. Keys of CIM differ in more than case.
            private var items: [String: Item] = [
                "apple": Item(name: "apple", note: "a fruit"), "anchor": Item(name: "anchor"), "bell": Item(name: "bell"),
            ]

            var all: [Item] { items.values.sorted { $0.name < $1.name } }

            func item(_ name: String) throws(CIMError) -> Item {
                guard let item = items[name.lowercased()] else { throw CIMError(.notFound, "there is no item \\(name)") }
                return item
            }

            /// Creates or changes an item.
            func put(_ name: String, note: String?, mode: RequestContext.PutMode) throws(CIMError) {
                let old = items[name.lowercased()]
                if mode == .createOnly, old != nil { throw CIMError(.alreadyExists, "there is an item \\(name) already") }
                if mode == .updateOnly, old == nil { throw CIMError(.notFound, "there is no item \\(name)") }
                guard !name.isEmpty else { throw CIMError(.invalidObject, "the name of an item is empty") }
                var item = old ?? Item(name: name)
                item.note = note
                items[name.lowercased()] = item
            }

            func delete(_ name: String) throws(CIMError) {
                guard items.removeValue(forKey: name.lowercased()) != nil else { throw CIMError(.notFound, "there is no item \\(name)") }
            }

            /// Counts uses, and returns how often the item was used in all.
            func use(_ name: String, times: UInt32) throws(CIMError) -> UInt32 {
                var item = try item(name)
                let (sum, isTooLarge) = item.useCount.addingReportingOverflow(times)
                guard !isTooLarge else { throw CIMError(.invalidParameter, "\\(name) cannot be used so often") }
                item.useCount = sum
                items[name.lowercased()] = item
                return sum
            }
        }

        """
    }

    private var items: String {
        """
        import CIMBusProvider

        /// Serves \(name)_Item. What a method throws is the client's error.
        struct Items: InstanceProvider, MethodProvider {
            let store: Store

            func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
                for item in await store.all { try await sink.indicate(instance(item)) }
            }

            func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
                instance(try await store.item(try name(in: path)))
            }

            func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
                guard let name = instance["Name"]?.stringValue else { throw CIMError(.invalidObject, "an item needs a Name") }
                try await store.put(name, note: instance["Note"]?.stringValue, mode: context.putMode)
                return nil
            }

            func deleteInstance(at path: CIMObjectPath, context: RequestContext) async throws {
                try await store.delete(try name(in: path))
            }

            func invoke(
                _ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext
            ) async throws -> MethodResult {
                // The broker has checked the method and the types of its parameters. Use is the only one.
                let times = parameters["Times"]?.uint64Value ?? 1
                let total = try await store.use(try name(in: path), times: UInt32(clamping: times))
                return MethodResult(returnValue: 0, ["Total": .uint32(total)])
            }

            private func name(in path: CIMObjectPath) throws(CIMError) -> String {
                guard case .string(let name)? = path[key: "Name"] else { throw CIMError(.invalidObjectPath, "\\(path) has no Name") }
                return name
            }

            private func instance(_ item: Item) -> CIMInstance {
                CIMInstance(
                    className: "\(name)_Item",
                    ["Name": .string(item.name), "Note": item.note.map { .string($0) } ?? .null, "UseCount": .uint32(item.useCount)])
            }
        }

        """
    }

    private var groups: String {
        """
        import CIMBusProvider

        /// Serves \(name)_Group and the association \(name)_ItemInGroup. The broker answers ASSOCIATORS OF from the association's instances.
        struct Groups: InstanceProvider {
            let store: Store

            func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
                for instance in await instances(of: className) { try await sink.indicate(instance) }
            }

            func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
                for instance in await instances(of: path.className) where self.path(of: instance) == path { return instance }
                throw CIMError(.notFound, "there is no \\(path)")
            }

            private func instances(of className: String) async -> [CIMInstance] {
                let items = await store.all
                if className.lowercased() == "\(name.text.lowercased())_group" {
                    return Set(items.map(\\.group)).sorted().map { CIMInstance(className: "\(name)_Group", ["Name": .string($0)]) }
                }
                return items.map { item in
                    let group = CIMObjectPath(className: "\(name)_Group", ["Name": .string(item.group)])
                    return CIMInstance(
                        className: "\(name)_ItemInGroup", ["Group": .reference(group), "Item": .reference(item.path)])
                }
            }

            /// Every property of both classes is a key.
            private func path(of instance: CIMInstance) -> CIMObjectPath {
                let keys = instance.properties.compactMap { property in
                    CIMObjectPath.KeyValue(property.value).map { CIMObjectPath.Key(name: property.name, value: $0) }
                }
                return CIMObjectPath(className: instance.className, keys: .keys(keys))
            }
        }

        """
    }

    private var service: String {
        """
        import CIMBusProvider

        /// The provider as a service: its registration, its classes, and what serves each.
        /// - Parameter busName: the name by which the bus starts the provider; nil where nothing starts it.
        public func \(serviceFunction)(bus: BusAddress = .system, busName: WellKnownName? = nil) -> ProviderService {
            let store = Store()
            var options = ProviderService.Options()
            options.busName = busName
            return ProviderService(
                name: "\(name)", mof: String(decoding: PackageResources.\(name)_mof, as: UTF8.self),
                classes: [
                    "\(name)_Item": Items(store: store), "\(name)_Group": Groups(store: store),
                    "\(name)_ItemInGroup": Groups(store: store),
                ],
                bus: bus, options: options)
        }

        """
    }

    /// `clocksService`.
    var serviceFunction: String { name.text.prefix(1).lowercased() + name.text.dropFirst() + "Service" }

    private var main: String {
        """
        // \(name.program) [--session]    serves on the system bus, or on the session bus

        import CIMBusProvider
        import \(name)

        if CommandLine.arguments.contains("--session") {
            await \(serviceFunction)(bus: .session).main()
        } else {
            await \(serviceFunction)(busName: WellKnownName(verified: "\(name.busName)")).main()
        }

        """
    }
}
