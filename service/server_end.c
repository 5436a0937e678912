// How calls and connections end: clients that go, limits of time, the end of the server.
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/server_priv.h"

bool server_peer_is_gone(int fd)
{
    struct pollfd look = { .fd = fd, .events = POLLRDHUP };
    return poll(&look, 1, 0) > 0 && look.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL);
}

void server_call_resume_locked(struct server *server, struct server_call *call,
                               enum call_state state)
{
    call->state = state;
    call->peer->call = NULL;
    call->peer->state = PEER_IS_SENT_TO;
    call->peer->since_us = sr_clock_monotonic_us(server->params.clock);
    // Under the lock: once it is resumed the library may close the connection, but not before its
    // completion was told, which needs the lock.
    MHD_resume_connection(call->connection);
}

void server_sweep(struct server *server)
{
    const struct server_limits *const limits = &server->params.limits;
    const int64_t now_us = sr_clock_monotonic_us(server->params.clock);
    sr_lock(&server->lock);
    for (struct server_peer *peer = server->synced.first; peer; peer = peer->after) {
        const int64_t age_s = (now_us - peer->since_us) / 1000000;
        switch (peer->state) {
        case PEER_RECEIVES:
            if (age_s >= limits->receive_s_max)
                (void)shutdown(peer->fd, SHUT_RDWR);  // the library notices and closes it
            break;
        case PEER_IS_SENT_TO:
            if (age_s >= limits->send_s_max)
                (void)shutdown(peer->fd, SHUT_RDWR);
            break;
        case PEER_WAITS:
            if (server_peer_is_gone(peer->fd))
                server_call_resume_locked(server, peer->call, CALL_GONE);
            break;
        }
    }
    sr_unlock(&server->lock);
}

void server_drain(struct server *server)
{
    sr_lock(&server->lock);
    const bool again = server->synced.draining;
    server->synced.draining = true;
    sr_unlock(&server->lock);
    if (again)
        return;
    const MHD_socket fd = MHD_quiesce_daemon(server->daemon);
    if (fd != MHD_INVALID_SOCKET)
        (void)close(fd);  // nothing was written
}

bool server_wait(struct server *server, bool only_short, int64_t timeout_us)
{
    const int64_t until_us = sr_clock_monotonic_us(sr_clock_system()) + timeout_us;
    bool done;
    sr_lock(&server->lock);
    while (!(done = server->synced.open - (only_short ? server->synced.open_long : 0) == 0)) {
        const int64_t left_us = until_us - sr_clock_monotonic_us(sr_clock_system());
        if (left_us <= 0)
            break;
        (void)sr_cond_wait_us(&server->changed, &server->lock, left_us);  // looked at again anyhow
    }
    sr_unlock(&server->lock);
    return done;
}

void server_close(struct server *server)
{
    if (!server)
        return;
    sr_lock(&server->lock);
    for (struct server_peer *peer = server->synced.first; peer; peer = peer->after) {
        if (peer->state == PEER_WAITS)  // the library wants none suspended when it stops
            server_call_resume_locked(server, peer->call, CALL_GONE);
    }
    sr_unlock(&server->lock);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    sr_cond_done(&server->changed);
    sr_mutex_done(&server->lock);
    free(server);
}

struct server_counts server_counts(struct server *server)
{
    sr_lock(&server->lock);
    const struct server_counts counts = { .connections = server->synced.connections,
                                          .waiting = server->synced.open,
                                          .requests = server->synced.requests,
                                          .gone = server->synced.gone,
                                          .body_bytes = server->synced.body_bytes };
    sr_unlock(&server->lock);
    return counts;
}
