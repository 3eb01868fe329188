/// The members of a contract by the numbers that frames have for them. Both ends of a private connection know the same ones.
public struct MemberNumbers: Sendable {
    /// A member and its interface.
    public struct Name: Hashable, Sendable {
        public let interface: String
        public let member: String

        public init(_ interface: InterfaceName, _ member: MemberName) {
            self.interface = interface.text
            self.member = member.text
        }

        fileprivate init(_ interface: String, _ member: String) {
            self.interface = interface
            self.member = member
        }
    }

    private let names: [UInt16: Name]
    private let numbers: [Name: UInt16]

    /// - Parameter names: none has the number 0.
    public init(_ names: [UInt16: Name]) {
        self.names = names.filter { $0.key != 0 }
        numbers = Dictionary(self.names.map { ($0.value, $0.key) }, uniquingKeysWith: min)
    }

    public func name(of number: UInt16) -> Name? { names[number] }

    /// 0: it has none.
    func number(of member: String?, in interface: String?) -> UInt16 {
        guard let member, let interface else { return 0 }
        return numbers[Name(interface, member)] ?? 0
    }
}
