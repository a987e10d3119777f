#include "services/identity/common/frames.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::identity {
namespace {

constexpr size_t kMaxFrame = 256 * 1024;
constexpr int kMaxConnections = 16;
constexpr absl::Duration kAskingTime = absl::Seconds(5);

absl::Status Unreachable(absl::string_view what) {
  return base::Error(absl::StatusCode::kUnavailable, "UNREACHABLE", what);
}

struct Socket {
  explicit Socket(int fd) : fd(fd) {}
  Socket(const Socket&) = delete;
  ~Socket() {
    if (fd >= 0) close(fd);
  }
  const int fd;
};

// Where a socket is. A socket's address has room for 107 bytes; what is longer is reached through
// its folder.
struct Address {
  sockaddr_un un = {};
  std::unique_ptr<Socket> folder;  // open as long as the address is used
  const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&un); }
};

absl::StatusOr<Address> AddressOf(const std::string& path) {
  Address address;
  address.un.sun_family = AF_UNIX;
  std::string reached = path;
  if (path.size() >= sizeof(address.un.sun_path)) {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    address.folder =
        std::make_unique<Socket>(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    reached = absl::StrCat("/proc/self/fd/", address.folder->fd, "/", path.substr(slash + 1));
  }
  if (path.empty() || reached.size() >= sizeof(address.un.sun_path) ||
      (address.folder != nullptr && address.folder->fd < 0)) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_PATH",
                       "no socket can be at this path; its folder must exist");
  }
  std::memcpy(address.un.sun_path, reached.data(), reached.size());
  return address;
}

absl::Status WaitFor(int socket, int16_t what, absl::Time deadline) {
  pollfd wait = {socket, what, 0};
  for (;;) {
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left <= 0) {
      return base::Error(absl::StatusCode::kDeadlineExceeded, "TIMED_OUT", "no answer in time");
    }
    const int ready = poll(&wait, 1, static_cast<int>(left));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return Unreachable("waiting on the socket failed");
  }
}

absl::Status Send(int socket, absl::string_view message, absl::Time deadline) {
  std::string frame;
  base::AppendU32(static_cast<uint32_t>(message.size()), &frame);
  absl::StrAppend(&frame, message);
  absl::string_view rest = frame;
  while (!rest.empty()) {
    EGOV_RETURN_IF_ERROR(WaitFor(socket, POLLOUT, deadline));
    const ssize_t sent = send(socket, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      rest.remove_prefix(sent);
    } else if (errno != EAGAIN && errno != EINTR) {
      return Unreachable("the socket's other end is gone");
    }
  }
  return absl::OkStatus();
}

absl::Status ReceiveExactly(int socket, size_t size, absl::Time deadline, std::string* out) {
  out->clear();
  char buffer[16 * 1024];
  while (out->size() < size) {
    EGOV_RETURN_IF_ERROR(WaitFor(socket, POLLIN, deadline));
    const ssize_t got =
        recv(socket, buffer, std::min(sizeof(buffer), size - out->size()), MSG_DONTWAIT);
    if (got > 0) {
      out->append(buffer, got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      return Unreachable("the socket's other end is gone");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Receive(int socket, absl::Time deadline) {
  std::string header, message;
  EGOV_RETURN_IF_ERROR(ReceiveExactly(socket, 4, deadline, &header));
  const uint32_t size = base::ReadU32(header);
  if (size > kMaxFrame) return Unreachable("a frame that is too long");
  EGOV_RETURN_IF_ERROR(ReceiveExactly(socket, size, deadline, &message));
  return message;
}

}  // namespace

absl::StatusOr<std::string> AskSocket(const std::string& path, absl::string_view question,
                                      absl::Duration timeout) {
  EGOV_ASSIGN_OR_RETURN(const Address address, AddressOf(path));
  const absl::Time deadline = absl::Now() + timeout;
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd < 0 || connect(socket.fd, address.generic(), sizeof(address.un)) != 0) {
    return Unreachable(absl::StrCat("nobody listens on ", path, ", or it is not for this user"));
  }
  EGOV_RETURN_IF_ERROR(Send(socket.fd, question, deadline));
  return Receive(socket.fd, deadline);
}

struct SocketServer::Impl {
  Impl(int listener, std::string path, Handler handler)
      : listener(listener), path(std::move(path)), handler(std::move(handler)) {}

  void Accept() {
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [this] { return stopping || open < kMaxConnections; });
        if (stopping) return;
      }
      const int connection = accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
      std::lock_guard<std::mutex> lock(mutex);
      if (stopping) {
        if (connection >= 0) close(connection);
        return;
      }
      if (connection < 0) continue;
      ++open;
      std::thread([this, connection] { Answer(connection); }).detach();
    }
  }

  void Answer(int fd) {
    {
      Socket connection(fd);
      ucred peer = {};
      socklen_t size = sizeof(peer);
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
      const auto question = Receive(fd, absl::Now() + kAskingTime);
      if (question.ok()) {
        const std::string answer = handler(*question, absl::StrCat("uid ", peer.uid));
        (void)Send(fd, answer, absl::Now() + kAskingTime);
      }
    }
    std::lock_guard<std::mutex> lock(mutex);
    --open;
    changed.notify_all();  // under the lock: afterwards this object may be gone
  }

  Socket listener;
  const std::string path;
  const Handler handler;
  std::mutex mutex;
  std::condition_variable changed;
  int open = 0;
  bool stopping = false;
  std::thread acceptor;
};

SocketServer::SocketServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<SocketServer>> SocketServer::Start(const std::string& path, int mode,
                                                                  Handler handler) {
  EGOV_ASSIGN_OR_RETURN(const Address address, AddressOf(path));
  {
    Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(probe.fd, address.generic(), sizeof(address.un)) == 0) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "SOCKET_IN_USE",
                         absl::StrCat("another process listens on ", path));
    }
  }
  unlink(path.c_str());
  auto impl = std::make_unique<Impl>(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), path,
                                     std::move(handler));
  // Nobody gets in between bind and chmod.
  const mode_t before = umask(0177);
  const bool bound = bind(impl->listener.fd, address.generic(), sizeof(address.un)) == 0;
  umask(before);
  if (!bound || chmod(path.c_str(), mode) != 0 || listen(impl->listener.fd, 64) != 0) {
    return base::Error(absl::StatusCode::kUnavailable, "SOCKET_UNUSABLE",
                       absl::StrCat("cannot listen on ", path, ": ", strerror(errno)));
  }
  Impl* raw = impl.get();
  impl->acceptor = std::thread([raw] { raw->Accept(); });
  return absl::StatusOr<std::unique_ptr<SocketServer>>(
      std::unique_ptr<SocketServer>(new SocketServer(std::move(impl))));
}

SocketServer::~SocketServer() {
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  shutdown(impl_->listener.fd, SHUT_RDWR);  // wakes accept
  impl_->acceptor.join();
  std::unique_lock<std::mutex> lock(impl_->mutex);
  impl_->changed.wait(lock, [this] { return impl_->open == 0; });
  unlink(impl_->path.c_str());
}

}  // namespace egov::identity
