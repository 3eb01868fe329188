import CIM
import Testing

@testable import FrameworkSamples

@Suite struct FrameworkSamplesTests {
    @Test("one built on another: processes are counted for their owner")
    func owners() {
        var owner = ProcessOwner(7)
        for memory in [100, 250] as [UInt64] {
            owner.add(CIMInstance(className: "Linux_UnixProcess", ["WorkingSetSize": .uint64(memory), "UserName": "ann"]))
        }
        owner.add(CIMInstance(className: "Linux_UnixProcess"))
        var instance = CIMInstance(className: ProcessOwners.className)
        owner.fill(&instance)
        #expect(instance["UserID"] == .uint64(7))
        #expect(instance["UserName"] == "ann")
        #expect(instance["ProcessCount"] == .uint32(3))
        #expect(instance["WorkingSetSize"] == .uint64(350))
    }

    @Test("C.3: the parent fills what every interface has, the child its own properties and the key alone")
    func interfaces() throws {
        let network = try FakeNetwork()
        try network.add("lo", ["type": "772", "mtu": "65536", "address": "00:00:00:00:00:00", "operstate": "unknown"])
        try network.add(
            "eth0", ["type": "1", "mtu": "1500", "address": "02:00:00:00:00:01", "operstate": "up", "speed": "-1", "tx_queue_len": "1000"])
        let parent = NetworkInterfaces(root: network.root)
        let child = EthernetInterfaces(root: network.root)
        var instance = CIMInstance(className: NetworkInterfaces.className)
        #expect(parent.fill(&instance, "eth0"))
        #expect(instance["MTU"] == .uint32(1500))
        #expect(instance["HardwareAddress"] == "02:00:00:00:00:01")
        #expect(instance["State"] == "up")
        #expect(parent.fill(&instance, "lo"))
        var own = CIMInstance(className: EthernetInterfaces.className)
        #expect(child.fill(&own, "eth0"))
        #expect(own.properties.map(\.name) == ["Name", "LinkSpeed", "TransmitQueueLength"])
        #expect(own["TransmitQueueLength"] == .uint32(1000))
        #expect(own["LinkSpeed"] == .null)
        for name in ["lo", "eth1", "", "..", "../eth0", "."] { #expect(!child.fill(&own, name), "\(name)") }
        #expect(SystemFolder(network.root).names == ["eth0", "lo"])
    }

    @Test("R116: Echo gives back its argument and its length")
    func echo() throws {
        var output = CIMInstance(className: "__PARAMETERS", ["sOutArg": .null, "ReturnValue": .null])
        try Echo.echo(CIMInstance(className: "__PARAMETERS", ["sInArg": "hello"]), &output)
        #expect(output["sOutArg"] == "hello")
        #expect(output["ReturnValue"] == .uint32(5))
        #expect(throws: CIMError.self) { try Echo.echo(CIMInstance(className: "__PARAMETERS"), &output) }
    }
}
