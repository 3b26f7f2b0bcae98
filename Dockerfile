# The bus's programs in one image: `docker run IMAGE gateway | worker | watch | prepare | …`. It has no local stack.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

# The locked requirements first: this layer stays while only our own code changes.
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv /opt/ticketbus \
    && /opt/ticketbus/bin/pip install --require-hashes --only-binary :all: -r requirements.lock

# The build tool comes out of the lock as well, with its hashes, into a throw-away environment.
RUN awk '/^[a-z]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' \
        requirements-dev.lock > build.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r build.lock
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/ticketbus/bin/pip install --no-deps --no-index --find-links /wheels ticketbus \
    && /opt/ticketbus/bin/ticketbus --help > /dev/null

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/ticketbus ticketbus
COPY --from=build /opt/ticketbus /opt/ticketbus
COPY LICENSE /opt/ticketbus/
ENV PATH=/opt/ticketbus/bin:$PATH PYTHONUNBUFFERED=1 TICKETBUS_DATA=/var/lib/ticketbus/data
USER ticketbus
WORKDIR /var/lib/ticketbus
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["ticketbus"]
CMD ["--help"]
