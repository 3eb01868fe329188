import CIMAdoption
import Testing

@Suite("Labels of object paths") struct BusLabelTests {
    @Test("A text is escaped as systemd's bus_label does: a digit at the beginning, too, and the empty text is _")
    func escapes() {
        #expect(BusLabel.escape("ssh.service") == "ssh_2eservice")
        #expect(BusLabel.escape("1") == "_31")
        #expect(BusLabel.escape("a1") == "a1")
        #expect(BusLabel.escape("") == "_")
        #expect(BusLabel.escape("ä") == "_c3_a4")
    }

    @Test(
        "Unescaping undoes it, and leaves a _ alone that begins no escape", arguments: ["ssh.service", "1", "", "ä-b_c", "dev-sda1.device"])
    func unescapes(_ text: String) {
        #expect(BusLabel.unescape(BusLabel.escape(text)) == text)
        #expect(BusLabel.unescape("a_zz") == "a_zz")
        #expect(BusLabel.unescape("_ff") == nil)
    }
}
