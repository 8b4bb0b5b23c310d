/*
 * A web application of a few kilobytes, for trying deployments: a static x86-64 Linux program
 * that needs no libc, so that the image holds this one file.
 *
 *   GET /         "hello from VERSION GREETING"
 *   GET /health   "ok"
 *
 * Environment: PORT (8080), GREETING, and FAIL: a number that it exits with at its start, to see
 * what a failed deployment looks like. SIGTERM: what was already accepted is answered, then it
 * exits with 0.
 *
 * One thread polls all connections, so a silent client costs a slot for some seconds and no more.
 */

#include <linux/time_types.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef VERSION
#define VERSION "v1"
#endif

#define PATIENCE_MS 5000 /* for a request to arrive */
#define LINGER_MS 1000   /* for the client to take the answer and close */
#define SLOTS 128

/* --- the system, without libc ---------------------------------------------------------------- */

static long call(long number, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = 0;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define CALL(name, a, b, c, d, e) \
    call(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static void leave(int code)
{
    for (;;)
        CALL(exit_group, code, 0, 0, 0, 0);
}

static long now_ms(void)
{
    struct __kernel_timespec now;
    CALL(clock_gettime, 1 /* CLOCK_MONOTONIC */, &now, 0, 0, 0);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- text ------------------------------------------------------------------------------------ */

struct text {
    int size;
    char bytes[1024];
};

static void add(struct text *text, const char *more)
{
    while (*more && text->size < (int)sizeof text->bytes)
        text->bytes[text->size++] = *more++;
}

static void add_number(struct text *text, int number)
{
    char digits[12], *first = digits + sizeof digits - 1;
    *first = 0;
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    add(text, first);
}

static int starts_with(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return 0;
    return 1;
}

static int number_of(const char *text)
{
    int number = 0;
    while (*text >= '0' && *text <= '9' && number < 100000)
        number = number * 10 + (*text++ - '0');
    return *text ? -1 : number;
}

static const char *variable(char **environment, const char *name, const char *otherwise)
{
    for (; *environment; environment++) {
        const char *entry = *environment;
        if (starts_with(entry, name)) {
            while (*name)
                entry++, name++;
            if (*entry == '=')
                return entry + 1;
            return otherwise;
        }
    }
    return otherwise;
}

static void log_line(const char *what, int number)
{
    struct text line;
    line.size = 0;
    add(&line, "hello " VERSION ": ");
    add(&line, what);
    if (number >= 0)
        add_number(&line, number);
    add(&line, "\n");
    CALL(write, 1, line.bytes, line.size, 0, 0);
}

static void die(const char *what, int code)
{
    log_line(what, code);
    leave(code);
}

/* --- HTTP ------------------------------------------------------------------------------------ */

static void answer(struct text *out, const char *status, const char *body, int with_body)
{
    int size = 0;
    while (body[size])
        size++;
    out->size = 0;
    add(out, "HTTP/1.1 ");
    add(out, status);
    add(out, "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: ");
    add_number(out, size);
    add(out, "\r\n\r\n");
    if (with_body)
        add(out, body);
}

static int is_path(const char *request, const char *path)
{
    if (!starts_with(request, path))
        return 0;
    while (*path)
        request++, path++;
    return *request == ' ' || *request == '?';
}

/* The answer to a whole request head, which ends in a zero byte. */
static void respond(struct text *out, const char *request, const char *greeting)
{
    int head = starts_with(request, "HEAD ");
    if (!head && !starts_with(request, "GET ")) {
        answer(out, "405 Method Not Allowed", "only GET and HEAD\n", 1);
        return;
    }
    request += head ? 5 : 4;
    if (is_path(request, "/health")) {
        answer(out, "200 OK", "ok\n", !head);
    } else if (is_path(request, "/")) {
        struct text body;
        body.size = 0;
        add(&body, "hello from " VERSION " ");
        add(&body, greeting);
        if (body.size > 700) /* so that it fits in the answer, whatever the environment says */
            body.size = 700;
        body.bytes[body.size++] = '\n';
        body.bytes[body.size] = 0;
        answer(out, "200 OK", body.bytes, !head);
    } else {
        answer(out, "404 Not Found", "not found\n", !head);
    }
}

/* --- connections ----------------------------------------------------------------------------- */

struct connection {
    int answered;
    int size;
    long deadline;
    char request[4096];
};

static struct connection connections[SLOTS];
static struct pollfd watched[SLOTS + 2]; /* the connections', the listener, the signals */
#define LISTENER (watched[SLOTS])
#define SIGNALS (watched[SLOTS + 1])

static void drop(int slot)
{
    CALL(close, watched[slot].fd, 0, 0, 0, 0);
    watched[slot].fd = -1;
}

/* Takes every client that waits, as long as there are slots; nonzero if any slot is still free. */
static int accept_all(void)
{
    for (int slot = 0; slot < SLOTS; slot++) {
        if (watched[slot].fd >= 0)
            continue;
        long fd = CALL(accept4, LISTENER.fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return 1;
        watched[slot].fd = (int)fd;
        watched[slot].events = POLLIN;
        watched[slot].revents = 0;
        connections[slot].answered = 0;
        connections[slot].size = 0;
        connections[slot].deadline = now_ms() + PATIENCE_MS;
    }
    return 0;
}

/* Whether the head of the request is complete: it ends in an empty line. */
static int complete(const struct connection *connection)
{
    for (int at = 0; at + 1 < connection->size; at++) {
        const char *text = connection->request + at;
        if (text[0] == '\n' && (text[1] == '\n' || (text[1] == '\r' && text[2] == '\n')))
            return 1;
    }
    return 0;
}

static void read_from(int slot, const char *greeting)
{
    struct connection *connection = &connections[slot];
    char *into = connection->request + connection->size;
    long room = (long)sizeof connection->request - 1 - connection->size;
    if (connection->answered) { /* what follows the head is read and forgotten */
        into = connection->request;
        room = sizeof connection->request;
    }
    long got = CALL(read, watched[slot].fd, into, room, 0, 0);
    if (got == -11 /* EAGAIN */)
        return;
    if (got <= 0) {
        drop(slot);
        return;
    }
    if (connection->answered)
        return;
    connection->size += (int)got;
    connection->request[connection->size] = 0;

    struct text out;
    if (complete(connection))
        respond(&out, connection->request, greeting);
    else if (connection->size == (int)sizeof connection->request - 1)
        answer(&out, "431 Request Header Fields Too Large", "too large\n", 1);
    else
        return;
    /* A fresh connection's buffer takes an answer as short as ours whole. */
    CALL(sendto, watched[slot].fd, out.bytes, out.size, MSG_NOSIGNAL, 0);
    CALL(shutdown, watched[slot].fd, SHUT_WR, 0, 0, 0);
    connection->answered = 1;
    connection->deadline = now_ms() + LINGER_MS;
}

static int listen_on(int port)
{
    struct sockaddr_in address;
    int one = 1;
    long fd = CALL(socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0, 0);
    CALL(setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    address.sin_family = AF_INET;
    address.sin_port = (in_port_t)((port >> 8 & 0xff) | (port & 0xff) << 8);
    address.sin_addr.s_addr = 0;
    if (fd < 0 || CALL(bind, fd, &address, sizeof address, 0, 0) < 0 ||
        CALL(listen, fd, 1024, 0, 0, 0) < 0)
        die("cannot listen; exit code ", 1);
    return (int)fd;
}

static int signals(void)
{
    unsigned long ours = 1UL << (SIGTERM - 1) | 1UL << (SIGINT - 1);
    unsigned long blocked = ours | 1UL << (SIGPIPE - 1);
    CALL(rt_sigprocmask, SIG_BLOCK, &blocked, 0, sizeof blocked, 0);
    return (int)CALL(signalfd4, -1, &ours, sizeof ours, 0, 0);
}

static void serve(const char *greeting)
{
    int room = 1, open = 0;
    while (LISTENER.fd >= 0 || open > 0) {
        /* Without a free slot the listener is not polled: its clients wait in the kernel. */
        LISTENER.events = room ? POLLIN : 0;
        CALL(poll, watched, SLOTS + 2, open ? 100 : -1, 0, 0);

        for (int slot = 0; slot < SLOTS; slot++)
            if (watched[slot].fd >= 0 && watched[slot].revents)
                read_from(slot, greeting);
        long now = now_ms();
        for (int slot = 0; slot < SLOTS; slot++)
            if (watched[slot].fd >= 0 && now > connections[slot].deadline)
                drop(slot);

        if (LISTENER.fd >= 0) {
            room = accept_all();
            if (SIGNALS.revents) {
                log_line("asked to end", -1);
                CALL(close, LISTENER.fd, 0, 0, 0, 0);
                LISTENER.fd = SIGNALS.fd = -1;
            }
        }
        open = 0;
        for (int slot = 0; slot < SLOTS; slot++)
            open += watched[slot].fd >= 0;
    }
}

__attribute__((used, noreturn)) void begin(long *stack)
{
    char **environment = (char **)(stack + 1 + *stack + 1);
    int port = number_of(variable(environment, "PORT", "8080"));
    int failure = number_of(variable(environment, "FAIL", "0"));
    if (failure)
        die("told to fail; exit code ", failure & 0xff);
    if (port < 1 || port > 65535)
        die("PORT is not a port number; exit code ", 2);

    for (int slot = 0; slot < SLOTS; slot++)
        watched[slot].fd = -1;
    SIGNALS.fd = signals();
    SIGNALS.events = POLLIN;
    LISTENER.fd = listen_on(port);
    log_line("listens on port ", port);
    serve(variable(environment, "GREETING", ""));
    log_line("ended", -1);
    leave(0);
    __builtin_unreachable();
}

/* The kernel enters here with argc, argv and the environment on the stack. */
__asm__(".globl _start\n_start:\n"
        "    xor %ebp, %ebp\n    mov %rsp, %rdi\n    and $-16, %rsp\n    call begin\n");
