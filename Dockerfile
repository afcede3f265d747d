# docker build -t llamagate . && docker run -p 8080:8080 llamagate
# Without an API_KEY the first start makes one and prints it. Data, that key included, is in the volume /data.

FROM python:3.13-slim-bookworm AS build
COPY requirements/runtime.txt /build/
RUN python -m venv --without-pip /opt/llamagate/venv \
    && python -m pip --python /opt/llamagate/venv install --no-cache-dir --no-compile -r /build/runtime.txt
COPY llamagate.py LICENSE /opt/llamagate/
COPY _llamagate /opt/llamagate/_llamagate
# The running container may not write beside the program, so what can be compiled is compiled now.
RUN python -m compileall -q -j 0 /opt/llamagate \
    && printf '#!/bin/sh\nexec /opt/llamagate/venv/bin/python /opt/llamagate/llamagate.py "$@"\n' > /opt/llamagate/llamagate \
    && chmod 755 /opt/llamagate/llamagate

FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin llamagate \
    && install --directory --owner llamagate --group llamagate --mode 0700 /data
COPY --from=build /opt/llamagate /opt/llamagate
ENV PATH=/opt/llamagate:$PATH HOST=0.0.0.0 DATA_DIR=/data
VOLUME /data
WORKDIR /data
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["llamagate", "health"]
ENTRYPOINT ["llamagate"]
