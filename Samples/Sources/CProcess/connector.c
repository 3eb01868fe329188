/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "connector.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOGETHER 64

int cprocess_connect(int buffer)
{
    int connector = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    if (connector < 0) return -1;
    if (setsockopt(connector, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
        setsockopt(connector, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    if (bind(connector, (struct sockaddr *)&address, sizeof address) != 0) {
        int reason = errno;
        close(connector);
        errno = reason;
        return -1;
    }
    return connector;
}

int cprocess_listen(int connector, int on)
{
    enum proc_cn_mcast_op operation = on ? PROC_CN_MCAST_LISTEN : PROC_CN_MCAST_IGNORE;
    char _Alignas(NLMSG_ALIGNTO) bytes[NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof operation)];
    memset(bytes, 0, sizeof bytes);
    struct nlmsghdr *header = (struct nlmsghdr *)bytes;
    struct cn_msg *message = NLMSG_DATA(header);
    header->nlmsg_len = sizeof bytes;
    header->nlmsg_type = NLMSG_DONE;
    message->id.idx = CN_IDX_PROC;
    message->id.val = CN_VAL_PROC;
    message->ack = (uint32_t)getpid();
    message->len = sizeof operation;
    memcpy(message->data, &operation, sizeof operation);
    return send(connector, bytes, sizeof bytes, 0) < 0 ? -1 : 0;
}

static void take(const struct proc_event *event, struct cprocess_message *message)
{
    message->cpu = event->cpu;
    message->time = event->timestamp_ns;
    switch ((uint32_t)event->what) {
    case 0: /* PROC_EVENT_NONE: the acknowledgement */
        message->kind = cprocess_acknowledged;
        message->code = event->event_data.ack.err;
        break;
    case 0x00000001: /* PROC_EVENT_FORK */
        message->kind = cprocess_forked;
        message->process = event->event_data.fork.child_tgid;
        message->thread = event->event_data.fork.child_pid;
        message->parent = event->event_data.fork.parent_tgid;
        break;
    case 0x00000002: /* PROC_EVENT_EXEC */
        message->kind = cprocess_executed;
        message->process = event->event_data.exec.process_tgid;
        message->thread = event->event_data.exec.process_pid;
        break;
    case 0x00000004: /* PROC_EVENT_UID */
    case 0x00000040: /* PROC_EVENT_GID */
        message->kind = cprocess_changed;
        message->process = event->event_data.id.process_tgid;
        message->thread = event->event_data.id.process_pid;
        break;
    case 0x00000080: /* PROC_EVENT_SID */
        message->kind = cprocess_changed;
        message->process = event->event_data.sid.process_tgid;
        message->thread = event->event_data.sid.process_pid;
        break;
    case 0x00000200: /* PROC_EVENT_COMM */
        message->kind = cprocess_changed;
        message->process = event->event_data.comm.process_tgid;
        message->thread = event->event_data.comm.process_pid;
        break;
    case 0x80000000: /* PROC_EVENT_EXIT */
        message->kind = cprocess_ended;
        message->process = event->event_data.exit.process_tgid;
        message->thread = event->event_data.exit.process_pid;
        message->code = event->event_data.exit.exit_code;
        break;
    default: break;
    }
}

int cprocess_receive(int connector, struct cprocess_message *messages, int count)
{
    /* Larger than any message of the connector. */
    static _Thread_local _Alignas(8) char bytes[TOGETHER][256];
    struct sockaddr_nl senders[TOGETHER];
    struct iovec parts[TOGETHER];
    struct mmsghdr headers[TOGETHER];
    if (count > TOGETHER) count = TOGETHER;
    memset(headers, 0, sizeof headers);
    for (int i = 0; i < count; i++) {
        parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
        headers[i].msg_hdr = (struct msghdr){
            .msg_name = &senders[i], .msg_namelen = sizeof senders[i], .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int received;
    do received = recvmmsg(connector, headers, (unsigned)count, MSG_DONTWAIT, NULL);
    while (received < 0 && errno == EINTR);
    if (received < 0) return errno == EAGAIN ? 0 : -1;
    int known = 0;
    for (int i = 0; i < received; i++) {
        size_t length = headers[i].msg_len;
        const struct nlmsghdr *header = (const struct nlmsghdr *)bytes[i];
        const struct cn_msg *message = NLMSG_DATA(header);
        size_t fixed = NLMSG_HDRLEN + sizeof *message;
        /* From the kernel alone: any process may send to a group. */
        if (senders[i].nl_pid != 0 || length < fixed + offsetof(struct proc_event, event_data)) continue;
        if (message->id.idx != CN_IDX_PROC || message->id.val != CN_VAL_PROC) continue;
        struct proc_event event;
        memset(&event, 0, sizeof event);
        size_t size = length - fixed;
        memcpy(&event, message->data, size < sizeof event ? size : sizeof event);
        memset(&messages[known], 0, sizeof messages[known]);
        messages[known].number = message->seq;
        take(&event, &messages[known]);
        /* Others ask, too. */
        if (messages[known].kind == cprocess_acknowledged && message->ack != (uint32_t)getpid() + 1)
            messages[known].kind = cprocess_other;
        known++;
    }
    /* Something came, though nothing of it is of use. */
    if (known == 0) memset(&messages[known++], 0, sizeof messages[0]), messages[0].cpu = UINT32_MAX;
    return known;
}

void cprocess_probe(void)
{
    char name[16] = "";
    cpu_set_t allowed, one;
    prctl(PR_GET_NAME, name);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) == 0) prctl(PR_SET_NAME, name);
    }
    sched_setaffinity(0, sizeof allowed, &allowed);
}

int32_t cprocess_thread(void) { return (int32_t)gettid(); }

int cprocess_watch_new(void) { return epoll_create1(EPOLL_CLOEXEC); }

int cprocess_watch(int watch, int pidfd, int pid)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = pid}};
    return epoll_ctl(watch, EPOLL_CTL_ADD, pidfd, &event);
}

int cprocess_watched(int watch, int *pids, int count)
{
    struct epoll_event events[TOGETHER];
    int found = epoll_wait(watch, events, count < TOGETHER ? count : TOGETHER, 0);
    for (int i = 0; i < found; i++) pids[i] = events[i].data.fd;
    return found < 0 ? 0 : found;
}

int cprocess_bell_new(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void cprocess_ring(int bell)
{
    uint64_t one = 1;
    if (write(bell, &one, sizeof one) < 0) return; /* It rings already. */
}

int cprocess_wait(int descriptor, int bell, int milliseconds)
{
    struct pollfd set[2] = {{.fd = bell, .events = POLLIN}, {.fd = descriptor, .events = POLLIN}};
    int ready = poll(set, 2, milliseconds);
    if (ready > 0 && set[0].revents) return -1;
    return ready > 0;
}
