#include "pipeline/child_frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/str.h"

enum { MAGIC = 0x31435253, TICK_MS = 100 };  // "SRC1"; how often a wait looks for its end

struct head {
    uint32_t magic, kind, number, json_bytes, data_bytes;  // as the machine has them
};
_Static_assert(sizeof(struct head) == sizeof((struct child_frame_reader){ 0 }.head), "one head");

void child_frame_done(struct child_frame *frame)
{
    json_decref(frame->json);
    free(frame->memory);
    *frame = (struct child_frame){ 0 };
}

// Sending ----------------------------------------------------------------------------------------
static bool wait_for_room(int fd, const struct sr_cancel *cancel, struct sr_err *err)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
    if (!sr_cancel_check(cancel, err))
        return false;
    if (poll(&poll_fd, 1, TICK_MS) < 0 && errno != EINTR)
        return sr_fail_errno(err, errno, "poll");
    return true;
}

// Takes what was sent off the front.
static void advance(struct msghdr *message, size_t bytes)
{
    while (message->msg_iovlen > 0 && bytes >= message->msg_iov->iov_len) {
        bytes -= message->msg_iov->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
    if (message->msg_iovlen > 0) {
        message->msg_iov->iov_base = (uint8_t *)message->msg_iov->iov_base + bytes;
        message->msg_iov->iov_len -= bytes;
    }
}

static bool send_all(int fd, struct msghdr *message, const struct sr_cancel *cancel,
                     struct sr_err *err)
{
    advance(message, 0);
    while (message->msg_iovlen > 0) {
        const ssize_t bytes = sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (bytes >= 0)
            advance(message, (size_t)bytes);
        else if (errno != EAGAIN && errno != EINTR)
            return sr_fail_native(err, SR_ERR_NETWORK, errno, "the other process does not listen");
        else if (errno == EAGAIN && !wait_for_room(fd, cancel, err))
            return false;
    }
    return true;
}

bool child_frame_send(int fd, const struct child_frame *frame, const struct sr_cancel *cancel,
                      struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    if (frame->json && !jx_dump(frame->json, false, &text, err))
        return false;
    const size_t json_bytes = text ? strlen(text) : 0;
    if (json_bytes > CHILD_FRAME_JSON_MAX || frame->bytes > CHILD_FRAME_DATA_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a message of %zu and %zu bytes", json_bytes,
                       frame->bytes);
    struct head head = { .magic = MAGIC,
                         .kind = (uint32_t)frame->kind,
                         .number = frame->number,
                         .json_bytes = (uint32_t)json_bytes,
                         .data_bytes = (uint32_t)frame->bytes };
    // sendmsg only reads what it is given.
    struct iovec parts[] = { { &head, sizeof(head) },
                             { text, json_bytes },
                             { (void *)(uintptr_t)frame->data, frame->bytes } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
    return send_all(fd, &message, cancel, err);
}

// Reading ----------------------------------------------------------------------------------------
void child_frame_reader_done(struct child_frame_reader *reader)
{
    free(reader->memory);
    *reader = (struct child_frame_reader){ 0 };
}

// *ret_bytes 0: nothing is there.
static enum child_frame_next receive(int fd, void *into, size_t bytes, size_t *ret_bytes,
                                     struct sr_err *err)
{
    ssize_t got;
    do {
        got = recv(fd, into, bytes, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got == 0)
        return CHILD_FRAME_CLOSED;
    if (got < 0 && errno == ECONNRESET)  // it ended with something unread
        return CHILD_FRAME_CLOSED;
    if (got < 0 && errno != EAGAIN) {
        (void)sr_fail_native(err, SR_ERR_NETWORK, errno, "the connection");
        return CHILD_FRAME_FAILED;
    }
    *ret_bytes = got < 0 ? 0 : (size_t)got;
    return CHILD_FRAME_WAIT;
}

static bool begin_body(struct child_frame_reader *reader, struct sr_err *err)
{
    struct head head;
    memcpy(&head, reader->head, sizeof(head));
    if (head.magic != MAGIC || head.kind < CHILD_FRAME_SETUP || head.kind >= CHILD_FRAME_KIND_END)
        return sr_fail(err, SR_ERR_INVALID, "what came is not a message");
    if (head.json_bytes > CHILD_FRAME_JSON_MAX || head.data_bytes > CHILD_FRAME_DATA_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a message of %u and %u bytes", head.json_bytes,
                       head.data_bytes);
    reader->json_bytes = head.json_bytes;
    reader->data_bytes = head.data_bytes;
    reader->memory = malloc((size_t)head.json_bytes + head.data_bytes + 1);
    return reader->memory || sr_fail(err, SR_ERR_NO_MEMORY, "a message of %u bytes",
                                     head.json_bytes + head.data_bytes);
}

static bool finish(struct child_frame_reader *reader, struct child_frame *ret_frame,
                   struct sr_err *err)
{
    struct head head;
    memcpy(&head, reader->head, sizeof(head));
    sr_auto(child_frame) struct child_frame frame = {
        .kind = (enum child_frame_kind)head.kind,
        .number = head.number,
        .data = reader->memory + reader->json_bytes,
        .bytes = reader->data_bytes,
        .memory = sr_take(reader->memory),
    };
    const size_t json_bytes = reader->json_bytes;
    *reader = (struct child_frame_reader){ 0 };
    if (json_bytes > 0 &&
        !jx_parse((const char *)frame.memory, json_bytes, false, &frame.json, err))
        return false;
    *ret_frame = frame;
    frame = (struct child_frame){ 0 };
    return true;
}

enum child_frame_next child_frame_read(int fd, struct child_frame_reader *reader,
                                       struct child_frame *ret_frame, struct sr_err *err)
{
    for (;;) {
        const bool in_head = reader->head_bytes < sizeof(reader->head);
        uint8_t *const into =
            in_head ? reader->head + reader->head_bytes : reader->memory + reader->filled;
        const size_t want = in_head ? sizeof(reader->head) - reader->head_bytes
                                    : reader->json_bytes + reader->data_bytes - reader->filled;
        size_t bytes = 0;
        if (want > 0) {
            const enum child_frame_next next = receive(fd, into, want, &bytes, err);
            if (next == CHILD_FRAME_CLOSED && reader->head_bytes > 0) {
                (void)sr_fail(err, SR_ERR_NETWORK, "the connection ended amid a message");
                return CHILD_FRAME_FAILED;
            }
            if (next != CHILD_FRAME_WAIT || bytes == 0)
                return next;
        }
        if (in_head)
            reader->head_bytes += bytes;
        else
            reader->filled += bytes;
        if (in_head && reader->head_bytes == sizeof(reader->head) && !begin_body(reader, err))
            return CHILD_FRAME_FAILED;
        if (reader->memory && reader->filled == reader->json_bytes + reader->data_bytes)
            return finish(reader, ret_frame, err) ? CHILD_FRAME_WHOLE : CHILD_FRAME_FAILED;
    }
}
